"""What entities are made of: column types shared by every backend, the typed JSON column, and marks on fields.

The types are named once and used everywhere: on PostgreSQL a join between columns of different collations silently
does without its index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Final, Self, get_args

import orjson
import sqlalchemy as sa
import sqlalchemy.orm
from pydantic import BaseModel, ConfigDict
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel
from typing_extensions import override

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
# Before the first table: SQLite can alter a constraint later only if it has a name.
SQLModel.metadata.naming_convention = NAMING


class Mark:
    """A mark on a field that the schema, the wire and the code generator look at."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Mark({self.name!r})"


TIME = Mark("time")
"""Milliseconds inside, ISO text outside."""
HIDDEN = Mark("hidden")
"""Never leaves the database."""
REFERENCE = Mark("id")
"""The id of a record, here or elsewhere."""

Time = Annotated[int, TIME]
Id = Annotated[str, REFERENCE]


class Text(TypeDecorator[str]):
    """Text in byte order, so that a prefix is a range of the index and every backend sorts alike."""

    impl = sa.Text
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text(collation="C") if dialect.name == "postgresql" else sa.Text())


class Json(TypeDecorator[Any]):
    """JSON as Python's dicts and lists: JSONB on PostgreSQL, text elsewhere."""

    impl = sa.JSON
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else sa.JSON())


class PlainData(sa.types.UserDefinedType[Any]):
    """The JSON column of rows that are only read, as plain dicts; never null, so that no step in Python is needed."""

    cache_ok = True

    @override
    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        # psycopg has read it already.
        return None if dialect.name == "postgresql" else orjson.loads


class UnreadData(sa.types.UserDefinedType[Any]):
    """The JSON column as its driver hands it over: text, or what psycopg has read already."""

    cache_ok = True


class Data(BaseModel):
    """What rides in a JSON column: typed, checked when assigned, stored under the names of the wire.

    Keys that a newer version stored are dropped when read: a database is never opened by an older version.
    """

    model_config = ConfigDict(validate_assignment=True, populate_by_name=True, protected_namespaces=())


class TypedJson(Json):
    """A JSON column that is a `Data` object in Python."""

    cache_ok = True

    def __init__(self, shape: type[Data]) -> None:
        super().__init__()
        self.shape = shape

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value.model_dump(by_alias=True) if isinstance(value, Data) else value

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else self.shape.model_validate(value)


def data_column(shape: type[Data]) -> sa.Column[Any]:
    """The column `data` of an entity."""
    return sa.Column("data", TypedJson(shape), nullable=False)


def reference(
    target: str, on_delete: str, *, nullable: bool = False, index: bool = True, primary_key: bool = False
) -> sa.Column[Any]:
    """A column that holds the id of another record. `target`: `table.column`."""
    key = sa.ForeignKey(target, ondelete=on_delete)
    return sa.Column(Text, key, nullable=nullable, index=index, primary_key=primary_key)


def one_of(column: str, literal: Any) -> sa.CheckConstraint:
    """The database's own refusal of a value that is not among those of `literal`."""
    values: Iterable[str] = get_args(literal)
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


@cache
def _defaults(cls: type[SQLModel]) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """The columns that have a value if none is given: (the values, what makes one for each row)."""
    fields = cls.__pydantic_fields__
    plain = {name: None if field.is_required() else field.default for name, field in fields.items()}
    made = {name: field.default_factory for name, field in fields.items() if field.default_factory is not None}
    return {name: value for name, value in plain.items() if name not in made}, list(made.items())  # type: ignore[arg-type]


class Entity(SQLModel):
    """What every stored entity has besides its own fields; all three are filled in when it is stored."""

    created_at: Time = Field(default=0, sa_type=sa.BigInteger, nullable=False)
    last_updated: Time = Field(default=0, sa_type=sa.BigInteger, nullable=False)
    created_by: Id | None = Field(default=None, sa_type=Text, nullable=False)

    def __init__(self, **values: Any) -> None:
        """With these values in its columns, and defaults in the others. Raises TypeError for a column it has not."""
        # SQLModel's own constructor checks nothing more, but takes each value through the layers of an ORM's session.
        plain, made = _defaults(type(self))
        if unknown := values.keys() - type(self).__pydantic_fields__.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        columns = self.__dict__
        columns.update(plain)
        columns.update(values)
        for name, make in made:
            if name not in values:
                columns[name] = make()

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).__pydantic_fields__:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    @classmethod
    def of_columns(cls, values: Mapping[Any, Any]) -> Self:
        """The entity with these values in its columns, which must be all of them.

        A twentieth of the constructor's time, for rows by the thousand: nothing is checked, nothing has a default.
        """
        entity: Self = sa.orm.class_mapper(cls).class_manager.new_instance()
        entity.__dict__.update(values)
        return entity


def set_unchecked(target: BaseModel, values: Mapping[str, Any]) -> None:
    """Set what we worked out ourselves: the checks of an assignment take longer than storing the whole row."""
    target.__dict__.update(values)
