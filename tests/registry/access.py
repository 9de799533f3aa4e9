"""Who may, for server.py: passwords below basic/, bearer tokens below token/, by password or by identity token."""
import base64
import hashlib
import json
import urllib.parse

IDENTITY = "identity/of+me"  # the refresh token that is known


def token_of(scope):
    return "sha256:" + hashlib.sha256(scope.encode()).hexdigest()


class Access:
    """For a handler of http.server with answer(), error() and base(), whose server has `options`."""

    def user_is_known(self):
        wanted = "Basic " + base64.b64encode(self.server.options.user.encode()).decode()
        return self.headers.get("Authorization") == wanted

    def is_allowed(self, path):
        if path.startswith("basic/") and not self.user_is_known():
            self.error(401, "UNAUTHORIZED", "authentication required", [("WWW-Authenticate", 'Basic realm="test"')])
            return False
        if path.startswith("token/"):
            repository = path.split("/manifests/")[0].split("/blobs/")[0].split("/tags/")[0]
            scope = f"repository:{repository}:pull"
            realm = f'Bearer realm="{self.base()}/token",service="test, with comma",scope="{scope}"'
            given = self.headers.get("Authorization")
            # As Docker Hub for what is not there: everybody gets a token, and nobody may. Some do not say the realm again.
            if given and path.startswith(("token/none/", "token/mute/")):
                again = [("WWW-Authenticate", realm + ',error="insufficient_scope"')] if "/none/" in path else []
                self.error(401, "DENIED", "requested access to the resource is denied", again)
                return False
            if given == "Bearer " + token_of(scope):
                return True
            self.error(401, "UNAUTHORIZED", "authentication required", [("WWW-Authenticate", realm)])
            return False
        return True

    def do_token(self, query):
        if self.headers.get("Authorization") and not self.user_is_known():
            return self.error(401, "UNAUTHORIZED", "wrong password")
        scope = query.get("scope", [""])[0]
        if "/private/" in scope and not self.headers.get("Authorization"):
            return self.error(401, "UNAUTHORIZED", "authentication required")
        # The second form of the answer, and a time that is shorter than allowed.
        return self.answer(200, json.dumps({"access_token": token_of(scope), "expires_in": 1}).encode())

    def do_refresh(self):
        """OAuth2: distribution's spec/auth/oauth."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = {key: values[0] for key, values in urllib.parse.parse_qs(body).items()}
        self.note(form)
        if form.get("grant_type") != "refresh_token" or form.get("service") != "test, with comma" or "client_id" not in form:
            return self.error(400, "UNSUPPORTED", "no such grant")
        if form.get("refresh_token") != IDENTITY or self.headers.get("Authorization"):
            return self.error(401, "UNAUTHORIZED", "unknown identity")
        return self.answer(200, json.dumps({"access_token": token_of(form["scope"]), "expires_in": 60}).encode())
