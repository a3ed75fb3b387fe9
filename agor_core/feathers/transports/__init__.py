"""The doors: REST and Socket.IO, both through one dispatcher."""
