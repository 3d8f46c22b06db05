"""LitServe: ``python -m benchmarks.servers.lit manifests|numbers BATCH PORT``.

One process for HTTP and one with the model, the minimum of LitServe.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import litserve

from benchmarks.servers.work import Manifests, Numbers

#: Seconds that a request may wait for others in its batch.
_BATCH_TIMEOUT: Final = 0.002


class Api(litserve.LitAPI):  # type: ignore[misc]
    """Scores one request, or several at a time if requests are batched."""

    def predict(self, x: Any) -> Any:
        return self.risks(x) if self.max_batch_size > 1 else self.risks([x])[0]

    def encode_response(self, output: float) -> dict[str, float]:
        return {"risk": output}

    def risks(self, requests: Sequence[Any]) -> list[float]:
        """Return the risk of each request."""
        raise NotImplementedError


class ManifestApi(Api):
    """Manifests as JSON."""

    def setup(self, device: str) -> None:
        self._work = Manifests()

    def risks(self, requests: Sequence[Any]) -> list[float]:
        return self._work.of_records(requests)


class NumbersApi(Api):
    """``{"values": [...]}``, precomputed features."""

    def setup(self, device: str) -> None:
        self._work = Numbers()

    def risks(self, requests: Sequence[Any]) -> list[float]:
        return self._work.of_matrix([request["values"] for request in requests])


def main() -> None:
    """Serve until stopped."""
    kind, batch, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    api_of = {"manifests": ManifestApi, "numbers": NumbersApi}[kind]
    api = api_of(api_path="/score", max_batch_size=batch, batch_timeout=_BATCH_TIMEOUT if batch > 1 else 0.0)
    # LitServe's fast queue is for short requests at high rates, and is faster here too.
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
