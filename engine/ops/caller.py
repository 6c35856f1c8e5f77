"""Options of every operation that calls a verifier."""

from typing import Final

from engine.ops.spec import Arg

BASE: Final = Arg("The verifier's URL; BASE without it, else what runs here, else verifier_url.", metavar="URL")
TOKEN_FILE: Final = Arg("A private file with the access token; read again while it runs.", metavar="FILE")
CA_FILE: Final = Arg("Certificates to trust, PEM; the machine's own without it.", metavar="FILE", suggest="file")
CLIENT_CERTIFICATE: Final = Arg(
    "What to show where clients need a certificate: PEM with its key.", flags=("--cert",), metavar="FILE"
)
