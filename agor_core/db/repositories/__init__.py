"""One class per entity: entities in, entities out; wire records for those who only read."""
