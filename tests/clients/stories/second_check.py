"""A passage that needs a second code, and the verifier that is asked about it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from told import TOLD, Visitor, answered, done, same, terminal
from xinguan_terminal.api.default import present
from xinguan_terminal.models import Intent, PresentBody
from xinguan_terminal.types import UNSET

asked = []


class Verifier(BaseHTTPRequestHandler):
    """POST {code, lane, raw?} → {passed}. `raw` is the scanner's bytes in hex where they are no UTF-8."""

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked.append((said["lane"], said["code"]))
        body = json.dumps({"passed": said["code"] == "HEALTH-GREEN"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        """Print nothing."""


server = ThreadingHTTPServer(("127.0.0.1", TOLD["verifier_port"]), Verifier)
threading.Thread(target=server.serve_forever, daemon=True).start()
guest = Visitor("resident")


def enter(second=UNSET):
    def ask():
        body = PresentBody(code=guest.code(), lane="H", intent=Intent.ENTER, second=second)
        return present.sync(client=terminal, body=body)

    return answered(ask)


without = enter()
same((without.outcome, without.reasons[0].code), ("REFER", "needs_second_check"), "without a second code")
red = enter("HEALTH-RED")
same((red.outcome, red.reasons[0].code), ("REFER", "needs_second_check"), "with a red one")
green = enter("HEALTH-GREEN")
same((green.outcome, green.benefit), ("GRANT", "yunxi.checked"), "with a green one")
same(sorted(set(asked)), [("H", "HEALTH-GREEN"), ("H", "HEALTH-RED")], "the verifier was asked about both")
server.shutdown()
done("second_check")
