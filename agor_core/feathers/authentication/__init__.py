"""Signing in: tokens, strategies, the service, and the hook that protects others."""

from agor_core.feathers.authentication.attempts import Attempts
from agor_core.feathers.authentication.passwords import hash_password, verify_password
from agor_core.feathers.authentication.protect import authenticate
from agor_core.feathers.authentication.service import AuthenticationService, AuthSettings, TokenValidity
from agor_core.feathers.authentication.strategies import AnonymousStrategy, JwtStrategy, LocalStrategy, Strategy
from agor_core.feathers.authentication.tokens import TokenSettings, read_token, sign_token

__all__ = [
    "AnonymousStrategy",
    "Attempts",
    "AuthSettings",
    "AuthenticationService",
    "JwtStrategy",
    "LocalStrategy",
    "Strategy",
    "TokenSettings",
    "TokenValidity",
    "authenticate",
    "hash_password",
    "read_token",
    "sign_token",
    "verify_password",
]
