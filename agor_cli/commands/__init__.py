"""One module for each command of `agor`, imported when that command is named."""
