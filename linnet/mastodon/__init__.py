"""The clients' language, pure: parameters become commands, views become JSON bytes."""
