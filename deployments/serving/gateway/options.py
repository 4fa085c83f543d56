"""Options of a gateway process."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Limits of an instance hold for all gateways together; times are in seconds."""

    data_dir: str = "var"
    host: str = "127.0.0.1"
    port: int = 8501
    workers: int = 2
    connect_s: float = 1.0
    read_s: float = 10.0
    hold_s: float = 0.9
    head_s: float = 10.0
    request_s: float = 30.0
    max_body_bytes: int = 16 << 20
    max_answer_bytes: int = 64 << 20
    max_outstanding: int = 100
    needs_key: bool = True
    is_production: bool = False
    behind_proxy: bool = False
    log_level: str = "INFO"
    log_format: str = "text"
    access_log: bool = False
    otlp_endpoint: str = ""
    otlp_headers: str = ""
    cors_origins: str = ""

    @property
    def origins(self) -> frozenset[bytes]:
        """Return the allowed CORS origins, as browsers name them."""
        return frozenset(self.cors_origins.replace(",", " ").encode().split())

    @property
    def run(self) -> Path:
        return Path(self.data_dir) / "run"

    @property
    def samples(self) -> Path:
        return Path(self.data_dir) / "samples" / "spool"

    @property
    def traffic(self) -> Path:
        return Path(self.data_dir) / "traffic"
