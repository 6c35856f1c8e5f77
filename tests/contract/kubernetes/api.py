"""A Kubernetes API server for tests: real helm and kubectl run against it, on loopback, without a cluster.

It has what those two ask for (discovery, CRUD with label selectors, strategic merge, apply, watches, access reviews)
and controllers that act at once. It has no validation of fields, and no admission but what `controllers` says.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.contract.kubernetes.catalogue import Type, by_path, discovery, openapi
from tests.contract.kubernetes.controllers import Controllers
from tests.contract.kubernetes.objects import Object, Objects, merged, selects
from tests.contract.kubernetes.wire import read_body

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}
WATCH_S = 30.0


class Refusal(Exception):
    """An answer that is a `Status`."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }


def _lost() -> Refusal:
    return Refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request")


class Hold:
    """Stops the first request that fits, until it is let go: so that a test can act exactly there.

    Args:
        fits: Decides by method and path.
        before: Whether it stops before the request has its effect, or after, before the answer.
    """

    def __init__(self, fits: Callable[[str, str], bool], *, before: bool = True) -> None:
        self.fits = fits
        self.before = before
        self.drops = False
        """Whether the request is forgotten when it is let go, as one that never arrived."""
        self.reached = threading.Event()
        self.released = threading.Event()

    def wait(self, method: str, path: str, *, before: bool) -> None:
        """Stop here, if this is the place and nobody stopped before.

        Raises:
            Refusal: The request is to be forgotten.
        """
        if before == self.before and not self.reached.is_set() and self.fits(method, path):
            self.reached.set()
            self.released.wait(WATCH_S)
            if self.drops:
                raise _lost()


class Cluster:
    """A fake cluster with its API server; a context manager.

    Args:
        namespaces: That exist.
    """

    def __init__(self, *namespaces: str) -> None:
        self.objects = Objects()
        self.controllers = Controllers(self.objects)
        self.forbidden: set[tuple[str, str]] = set()
        """Verb and resource (`create`, `deployments.apps`) that the caller may not."""
        self.knows_caller = True
        """Whether the caller's credentials are valid. Clients send none without TLS, so the test says what they are."""
        self.holds: list[Hold] = []
        self.losses: list[Callable[[str, str], bool]] = []
        """Requests that will be answered with 503: each of these loses the next one that fits it."""
        self.requests: list[tuple[str, str]] = []
        for name in namespaces:
            self.objects.put({"kind": "Namespace", "metadata": {"name": name}, "status": {"phase": "Active"}})
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.cluster = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for hold in self.holds:
            hold.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def hold(self, method: str, part: str, *, before: bool = True) -> Hold:
        """Stop the next request whose method begins with `method` and whose path contains `part`."""
        hold = Hold(lambda *request: request[0].startswith(method) and part in request[1], before=before)
        self.holds.append(hold)
        return hold

    def write_kubeconfig(self, path: Path, *, context: str = "test") -> Path:
        """A kubeconfig with one context."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "oncall", "user": {}}],
            "contexts": [{"name": context, "context": {"cluster": "fake", "user": "oncall"}}],
        }
        path.write_text(json.dumps(document), "utf-8")
        path.chmod(0o600)
        return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    cluster: Cluster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        cluster, query = self.server.cluster, {key: values[0] for key, values in parse_qs(url.query).items()}
        cluster.requests.append((self.command, self.path))
        try:
            for hold in list(cluster.holds):
                hold.wait(self.command, self.path, before=True)
            if cluster.losses and cluster.losses[0](self.command, self.path):
                cluster.losses.pop(0)
                raise _lost()
            call = Call(cluster, self.command, url.path.strip("/"), query)
            if query.get("watch") in ("true", "1"):
                return self._stream(call)
            code, document = call.answer(self.headers.get("Content-Type", ""), body)
        except Refusal as refusal:
            code, document = refusal.code, refusal.status
        for hold in list(cluster.holds):
            hold.wait(self.command, self.path, before=False)
        self._send(code, document)
        return None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - the names http.server calls

    def _send(self, code: int, document: Any) -> None:
        payload = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _stream(self, call: Call) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in call.events():
            line = json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Tests read `Cluster.requests`."""


class Call:
    """One request.

    Args:
        cluster: That is asked.
        method: Of HTTP.
        path: Without the slash in front.
        query: Its parameters.
    """

    def __init__(self, cluster: Cluster, method: str, path: str, query: dict[str, str]) -> None:
        self._cluster, self._method, self._path, self._query = cluster, method, path, query
        self._objects = cluster.objects
        if not cluster.knows_caller:
            raise Refusal(401, "Unauthorized", "Unauthorized")

    def answer(self, content_type: str, body: bytes) -> tuple[int, Any]:
        """Status and document."""
        if self._method == "GET" and (document := discovery(self._path)):
            return 200, document
        if self._path.startswith("openapi/v3"):
            return 200, openapi(self._path.removeprefix("openapi/v3").strip("/"))
        found, namespace, name = self._address()
        if found.kind == "SelfSubjectAccessReview":
            return 201, self._review(read_body(content_type, body))
        self._authorize(found, name)
        with self._objects.changed:
            match self._method:
                case "GET":
                    return 200, self._one(found, namespace, name) if name else self._list(found, namespace)
                case "DELETE":
                    item = self._one(found, namespace, name)
                    self._objects.remove(item)
                    return 200, item
                case "PATCH" if content_type.startswith("application/apply-patch"):
                    before = self._objects.get(found, namespace, name) or {}
                    return 200, self._write(found, namespace, merged(before, read_body("yaml", body)))
                case "PATCH":
                    before = self._one(found, namespace, name)
                    return 200, self._write(found, namespace, merged(before, read_body(content_type, body)))
                case _:
                    return self._create(found, namespace, read_body(content_type, body))

    def events(self) -> Iterator[Object]:
        """What a watch tells: what is there, unless it begins at a version, and then every change."""
        found, namespace, _ = self._address()
        start = len(self._objects.log)
        name = self._query.get("fieldSelector", "").removeprefix("metadata.name=")
        if self._query.get("resourceVersion", "0") in ("", "0"):
            for item in self._selected(found, namespace):
                yield {"type": "ADDED", "object": item}
        if self._query.get("sendInitialEvents") == "true":
            metadata = {"resourceVersion": str(start), "annotations": {"k8s.io/initial-events-end": "true"}}
            bookmark = {"kind": found.kind, "apiVersion": found.api_version, "metadata": metadata}
            yield {"type": "BOOKMARK", "object": bookmark}
        while True:
            with self._objects.changed:
                deadline = time.monotonic() + WATCH_S
                while len(self._objects.log) <= start:
                    if not self._objects.changed.wait(deadline - time.monotonic()):
                        return
                news, start = self._objects.log[start:], len(self._objects.log)
            for change, item in news:
                metadata = item["metadata"]
                if item["kind"] == found.kind and (not name or metadata["name"] == name):
                    yield {"type": change, "object": item}

    def _address(self) -> tuple[Type, str, str]:
        """Type, namespace and name that the path means."""
        parts = self._path.split("/")
        depth = 2 if parts[0] == "api" else 3
        root, rest = "/".join(parts[:depth]), parts[depth:]
        namespace = rest[1] if len(rest) > 2 and rest[0] == "namespaces" else ""
        rest = rest[2:] if namespace else rest
        found = by_path(root, rest[0]) if rest else None
        if found is None:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        return found, namespace, rest[1] if len(rest) > 1 else ""

    def _authorize(self, found: Type, name: str) -> None:
        verb = VERBS[self._method] if self._method != "GET" or name else "list"
        if (verb, found.qualified) in self._cluster.forbidden:
            what = f'{found.plural} is forbidden: User "oncall" cannot {verb} resource "{found.plural}"'
            raise Refusal(403, "Forbidden", f'{what} in API group "{found.group}" in the namespace "cap"')

    def _review(self, review: Object) -> Object:
        wanted = review["spec"]["resourceAttributes"]
        group, resource = wanted.get("group", ""), wanted["resource"]
        qualified = f"{resource}.{group}" if group else resource
        allowed = (wanted["verb"], qualified) not in self._cluster.forbidden
        return {**review, "apiVersion": "authorization.k8s.io/v1", "status": {"allowed": allowed}}

    def _one(self, found: Type, namespace: str, name: str) -> Object:
        item = self._objects.get(found, namespace, name)
        if item is None:
            raise Refusal(404, "NotFound", f'{found.qualified} "{name}" not found')
        return item

    def _selected(self, found: Type, namespace: str) -> list[Object]:
        items = self._objects.all(found.kind, namespace, self._query.get("labelSelector", ""))
        fields = self._query.get("fieldSelector", "")
        return [item for item in items if selects(fields, {"metadata.name": item["metadata"]["name"]})]

    def _list(self, found: Type, namespace: str) -> Object:
        items = self._selected(found, namespace)
        if found.kind == "HorizontalPodAutoscaler":
            for item in items:
                self._cluster.controllers.looked_at(item)
        version = str(len(self._objects.log))
        metadata = {"resourceVersion": version}
        return {"kind": f"{found.kind}List", "apiVersion": found.api_version, "metadata": metadata, "items": items}

    def _create(self, found: Type, namespace: str, item: Object) -> tuple[int, Object]:
        if self._method == "POST" and self._objects.get(found, namespace, item["metadata"]["name"]):
            raise Refusal(409, "AlreadyExists", f'{found.plural} "{item["metadata"]["name"]}" already exists')
        return (201 if self._method == "POST" else 200), self._write(found, namespace, item)

    def _write(self, found: Type, namespace: str, item: Object) -> Object:
        item = {**item, "kind": found.kind}
        if found.namespaced and self._objects.all("Namespace", "") and not self._namespace_exists(namespace):
            raise Refusal(404, "NotFound", f'namespaces "{namespace}" not found')
        if refusal := self._cluster.controllers.admit(item):
            raise Refusal(403, "Forbidden", refusal)
        item["metadata"]["namespace"] = namespace
        if self._query.get("dryRun"):
            return deepcopy(item)
        self._objects.put(item)
        self._cluster.controllers.settle(item)
        return item

    def _namespace_exists(self, name: str) -> bool:
        return any(item["metadata"]["name"] == name for item in self._objects.all("Namespace"))
