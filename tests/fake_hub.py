"""A Hugging Face Hub on this machine that takes uploads: what huggingface_hub asks of the real one, and no more."""

from __future__ import annotations

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_of_ada"


class FakeHub(ThreadingHTTPServer):
    """Repositories by name, each with its visibility and the files of its last commit."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.private: dict[str, bool] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.large: dict[str, bytes] = {}  # by SHA-256
        self.messages: list[str] = []
        self.refuses_commits = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path.startswith("/api/whoami-v2"):
            self._answer({"name": "ada", "type": "user", "orgs": []})
            return
        path = self.path.split("?")[0]
        if "/resolve/main/" in path:
            repository, _, name = path.removeprefix("/").partition("/resolve/main/")
            self._answer(self.server.files[repository][name], headers={"X-Repo-Commit": "1", "ETag": "1"})
            return
        repository = path.removeprefix("/api/models/")
        if repository in self.server.private:
            private = self.server.private[repository]
            names = [{"rfilename": name} for name in self.server.files.get(repository, {})]
            self._answer(
                {"id": repository, "private": private, "tags": [], "siblings": names, "downloads": 0, "likes": 0}
            )
        else:
            self._answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})

    def do_POST(self) -> None:
        body = self._body()
        path = self.path.split("?")[0]
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else f"ada/{asked['name']}"
            self.server.private[name] = asked.get("private") or asked.get("visibility") == "private"
            self._answer({"url": f"{self.server.url}/{name}", "id": name})
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = {True: "lfs", False: "regular"}
            answers = [
                {"path": file, "uploadMode": modes[file.endswith(".safetensors")], "shouldIgnore": False}
                for file in files
            ]
            self._answer({"files": answers})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                each | {"actions": {"upload": {"href": f"{self.server.url}/large/{each['oid']}", "header": {}}}}
                for each in json.loads(body)["objects"]
            ]
            self._answer({"transfer": "basic", "objects": objects})
        elif "/commit/" in path and not self.server.refuses_commits:
            self._commit(path.removeprefix("/api/models/").split("/commit/")[0], body)
        else:
            self._answer({"error": "You may not write here"}, 403)

    def do_PUT(self) -> None:
        body = self._body()
        self.server.large[hashlib.sha256(body).hexdigest()] = body
        self._answer({})

    def _commit(self, repository: str, body: bytes) -> None:
        files = self.server.files.setdefault(repository, {})
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.server.messages.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
            else:
                files[value["path"]] = self.server.large[value["oid"]]
        self._answer({"commitUrl": f"{self.server.url}/{repository}/commit/1", "commitOid": "1", "success": True})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, values: Any, code: int = 200, headers: dict[str, str] | None = None) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}" and not self.path.startswith("/large/"):
            values, code, headers = {"error": "Invalid token"}, 401, {}
        content = values if isinstance(values, bytes) else json.dumps(values).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
