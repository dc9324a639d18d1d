"""The cookie of people who are signed in, as Flask signs it; nobody else's requests pay for reading one."""

from flask import Flask
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.wrappers import Request


class SessionCookie(SecureCookieSessionInterface):
    """Flask makes a signer for each request before it looks for a cookie: 40 µs of every webhook and every look of a
    widget, which bring none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.environ.get("HTTP_COOKIE", ""):
            return self.session_class()
        return super().open_session(app, request)
