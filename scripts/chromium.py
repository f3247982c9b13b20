"""Drives a headless Chromium over its DevTools pipe: one page, functions called in it, and what it says in return.

Needs nothing but the browser. Each has an empty profile of its own, reaches for no host by itself, and ends with us.
"""
import fcntl, json, os, queue, shutil, subprocess, threading

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # Pages nobody looks at are not slowed down.
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
]
PATIENCE_S = 30


def program():
    """Where the browser is, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Chromium:
    """A browser with one page. `said` has what the page gives to `say`, in order."""

    def __init__(self, room, url, *flags, prefix=()):
        self.profile = os.path.join(room, "profile")
        shutil.rmtree(self.profile, ignore_errors=True)
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (commands, answers)]
        os.close(commands), os.close(answers)

        def become():
            os.dup2(high[0], 3), os.dup2(high[1], 4)

        self.log = open(os.path.join(room, "chromium.err"), "w")
        self.process = subprocess.Popen(
            [*prefix, program(), *FLAGS, f"--user-data-dir={self.profile}", *flags, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=(3, 4), preexec_fn=become,
            start_new_session=True, env={**os.environ, "HOME": room})
        for fd in high:
            os.close(fd)
        self.said, self.waiting, self.count, self.session = queue.Queue(), {}, 0, None
        self.lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()
        pages = [t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        target = pages[0]["targetId"] if pages else self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Page"):
            self.ask(f"{domain}.enable")
        self.ask("Runtime.addBinding", name="say")
        self.ask("Page.navigate", url=url)
        self.run("new Promise(done => document.readyState == 'complete' ? done() : addEventListener('load', done))")

    def _read(self):
        rest = b""
        while chunk := os.read(self.answers, 1 << 20):
            *messages, rest = (rest + chunk).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self.waiting.pop(message["id"]).put(message)
                elif message["method"] == "Runtime.bindingCalled":
                    self.said.put(json.loads(message["params"]["payload"]))
                elif message["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                    print(json.dumps(message["params"])[:2000], file=self.log, flush=True)
        for answer in list(self.waiting.values()):
            answer.put({"error": {"message": "the browser is gone"}})

    def ask(self, method, **params):
        """A command of the DevTools protocol, and its result."""
        answer = queue.Queue()
        with self.lock:
            self.count += 1
            message = {"id": self.count, "method": method, "params": params}
            if self.session:
                message["sessionId"] = self.session
            self.waiting[self.count] = answer
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self.commands, data):]
        said = answer.get(timeout=PATIENCE_S)
        if "error" in said:
            raise AssertionError(f"{method}: {said['error']['message']}")
        return said["result"]

    def run(self, expression):
        """Evaluates in the page, waits for promises, and answers the value."""
        said = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            details = said["exceptionDetails"]
            raise AssertionError(f"in the page: {details.get('exception', {}).get('description', details['text'])}")
        return said["result"].get("value")

    def call(self, function, *arguments):
        """Calls a function of the page."""
        return self.run(f"{function}({', '.join(map(json.dumps, arguments))})")

    def start(self, function, *arguments):
        """Lets the page begin something that may wait for what we bring it."""
        return self.run(f"start({', '.join([function, *map(json.dumps, arguments)])})")

    def choose(self, input_id, *files):
        """As a person who picks files for an input of the page."""
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=f"#{input_id}")["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=node, files=list(files))

    def cpu_s(self):
        """Processor time of the browser and all its processes, seconds."""
        ticks, parents = {}, {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(pid)], ticks[int(pid)] = int(fields[1]), sum(map(int, fields[11:15]))
        def family(pid):
            return pid == self.process.pid or pid in parents and family(parents[pid])
        return sum(spent for pid, spent in ticks.items() if family(pid)) / os.sysconf("SC_CLK_TCK")

    def close(self):
        if self.process.poll() is None:
            try:
                self.session = None
                self.ask("Browser.close")
                self.process.wait(5)
            except Exception:
                pass
        try:
            os.killpg(self.process.pid, 9)  # our own group; it is empty as a rule
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
