"""Two people walk through the app: two real windows on two virtual screens, one real server, keyboard and pointer alone.

What is reached is read as a screen reader reads it, and from the server; a picture of every step is kept. Then things go
wrong: the server is killed and comes back, a device is pulled, a token is too old, a guest is banned, a machine sleeps.

    scripts/walk_xvfb.sh [FOLDER]     starts it as it wants to be started
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from desktop import App, Lost, Notices, Screen, screen_readers_are_on, until

SCREEN = (1000, 780)
# What an open hall may cost, per cent of a core.
IDLE_MAX = 1.0
# What the apps log, to be read when the walk stops.
LOG = "error,castle_desktop=debug"


class Server:
    """A castle-server with its data; may be killed and started again on the same ports."""

    def __init__(self, program, room):
        self.program, self.room = program, room
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self, later=None):
        """`later`: its clock is ahead by so much, in libfaketime's words."""
        # What `faketime` would set: under the program itself the server is a grandchild, which outlives it.
        clock = {"LD_PRELOAD": "/usr/$LIB/faketime/libfaketime.so.1", "FAKETIME": later} if later else {}
        log = open(f"{self.room}/server.log", "a", encoding="utf-8")
        command = [self.program, "serve", "--json", "--data-dir", f"{self.room}/data",
                   "--listen", f"127.0.0.1:{self.port}", "--turn-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **clock})
        until("a server that serves", lambda: self.tell("guest", "list", check=False) is not None)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        self.process.wait(30)

    def tell(self, *command, check=True):
        """What an admin command answers, as JSON."""
        done = subprocess.run([self.program, *command, "--json", "--data-dir", f"{self.room}/data"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0 or self.process.poll() is not None:
            if check:
                raise Lost(f"castle-server {command}: {done.stderr}")
            return None
        return json.loads(done.stdout or "null")

    def url(self):
        """Its address, as the app shows it."""
        return f"http://127.0.0.1:{self.port}"

    def link(self):
        """An invitation for a few guests."""
        return self.tell("invite", "create", "--uses", "5")["link"]


class Walk:
    """The two people, and what they do."""

    def __init__(self, server, desktop, out, room):
        self.program, self.out, self.room = desktop, out, room
        self.log = open(f"{room}/apps.log", "w", encoding="utf-8")
        self.steps = 0
        self.running = []
        self.developing = []
        screen_readers_are_on()
        self.notices = Notices()
        self.server = self.keep(Server(server, room))
        self.left = self.keep(Screen(SCREEN, self.log))
        self.right = self.keep(Screen(SCREEN, self.log))

    def keep(self, what):
        self.running.append(what)
        return what

    def end(self):
        for what in reversed(self.running):
            what.end()
        for picture in self.developing:
            picture.wait()

    def picture(self, name):
        """Keeps a picture of both screens side by side."""
        time.sleep(0.4)
        self.steps += 1
        path = f"{self.out}/{self.steps:02}-{name}.jpg"
        halves = [f"{self.room}/{self.steps}-{side}.ppm" for side in ("left", "right")]
        for taking in [self.left.picture(halves[0]), self.right.picture(halves[1])]:
            assert taking.wait() == 0, "no picture could be taken"
        self.developing.append(subprocess.Popen(["convert", *halves, "+append", "-quality", "92", path]))
        print(f"  {path}", flush=True)

    def app(self, name, screen, *arguments, more=None):
        """Starts an app of this name; the other one has a profile of its own, Ada that of the user."""
        return self.keep(App(name, screen, [self.program, "--log", LOG, *arguments], self.log, more))

    def start_ada(self, *arguments):
        home = f"{self.room}/ada"
        more = {"HOME": home, "XDG_CONFIG_HOME": f"{home}/.config"}
        made = ["--camera", "pattern", "--mic", "silence", "--speaker", "off"]
        return self.app("ada", self.left, *made, *arguments, more=more)

    def start_ben(self, *arguments, more=None):
        made = [] if more else ["--camera", "pattern", "--mic", "silence", "--speaker", "off"]
        return self.app("ben", self.right, "--profile", f"{self.room}/ben", *made, *arguments, more=more)

    # What people do.

    def register(self, app, name):
        app.until("The invitation code is in the link.")
        app.until_at("Name")
        app.write(name)
        app.keys("Tab")
        app.until_at("Password")
        app.write(f"walking slowly {name}")
        app.keys("Return")
        app.until("Great Hall")

    def call(self, caller, callee):
        """The caller finds the callee by the search of the hall."""
        caller.until(f"{callee.name}, Available")
        caller.keys("ctrl+f")
        caller.until_at("Search guests")
        caller.keys("ctrl+a")
        caller.write(callee.name)
        caller.until("1 guest, 1 free")
        caller.keys("Return")
        callee.until("is calling you")

    def connect(self, caller, callee):
        self.call(caller, callee)
        callee.keys("ctrl+Return")
        self.connected(caller, callee)

    def connected(self, *apps):
        for app in apps:
            app.until("Mute")
            other = "ben" if app.name == "ada" else "ada"
            until(f"the title of {app.name}", lambda: app.title() == f"{other} – Castle")
            app.until(f"Picture of {other}")
            until("a picture", lambda: f"Picture of {other}" in app.read())

    def hang_up(self, first, second):
        first.keys("ctrl+h")
        first.until("You hung up")
        second.until(f"{first.name} hung up")

    def back_to_hall(self, *apps):
        for app in apps:
            app.keys("Escape")
            app.until("Great Hall")

    # The walk.

    def enter(self):
        link = self.server.link()
        self.ada, self.ben = self.start_ada(link), self.start_ben(link)
        self.picture("registration")
        self.register(self.ada, "ada")
        self.register(self.ben, "ben")
        self.ada.until("ben, Available")
        self.picture("hall")
        names = {guest["name"] for guest in self.server.tell("guest", "list")}
        assert {"ada", "ben"} <= names, names

    def rest(self):
        """What an open hall costs."""
        before = [app.cpu() for app in (self.ada, self.ben)]
        time.sleep(20)
        shares = [(app.cpu() - then) / 20 * 100 for app, then in zip((self.ada, self.ben), before)]
        print(f"  idle in the hall for 20 s: {shares[0]:.2f} % and {shares[1]:.2f} % of a core", flush=True)
        # Of its own time, not of the clock's: other programs do not make it more.
        assert max(shares) < IDLE_MAX, f"an idle window draws: {shares}"

    def log_in_again(self):
        """Ada's key is in the keyring: closing and starting again needs no password; logging out throws it away."""
        ada = self.ada
        ada.keys("alt+F4")
        until("the app to end", lambda: not ada.lives())
        kept = subprocess.run(["secret-tool", "search", "--all", "service", "castle-desktop"], capture_output=True, text=True)
        assert "castle-desktop" in kept.stdout + kept.stderr, f"the keyring has no key: {kept}"
        assert not os.path.exists(f"{self.room}/ada/.config/castle/logins.json"), "a key in a file beside the keyring"
        self.ada = ada = self.start_ada()
        ada.until("Great Hall")
        ada.until("ben, Available")
        ada.click("Log out")
        ada.until("I have an account")
        self.picture("logged-out")
        kept = subprocess.run(["secret-tool", "search", "--all", "service", "castle-desktop"], capture_output=True, text=True)
        assert "castle-desktop" not in kept.stdout, f"the keyring still has the key: {kept}"
        ada.until_at("Password")
        ada.write("not the password")
        ada.keys("Return")
        ada.until("Name and password do not match")
        self.picture("wrong-password")
        ada.until_at("Password")
        ada.keys("ctrl+a")
        ada.write("walking slowly ada")
        ada.keys("Return")
        ada.until("Great Hall")

    def forgotten_password(self):
        """Ada forgot her password: the host's one-time code lets her in with another, once."""
        ada = self.ada
        ada.click("Log out")
        ada.until("I have an account")
        code = self.server.tell("guest", "reset-password", "ada")["code"]
        ada.click("I forgot my password")
        ada.until_at("One-time code from your host")
        ada.write("0000-0000-0000-0000")
        for field in ("New password", "Repeat new password"):
            ada.keys("Tab")
            ada.until_at(field)
            ada.write("walking on, ada")
        self.picture("forgotten-password")
        ada.keys("Return")
        ada.until("Name and code do not match")
        self.picture("wrong-code")
        ada.until_at("One-time code from your host")
        ada.keys("ctrl+a")
        # As one types what was read out.
        ada.write(code.lower().replace("-", " "))
        ada.keys("Return")
        ada.until("Great Hall")
        ada.until("ben, Available")

    def own_account(self):
        """Ada looks at her account, and takes home what the server keeps about her."""
        ada = self.ada
        ada.keys("ctrl+comma")
        ada.click("Your account")
        ada.until("This device")
        self.picture("account")
        ada.click("Save my data")
        said = ada.until("What the server keeps about you was saved as ")
        file = said.split(" saved as ")[1].rstrip(".")
        assert file == f"{self.room}/ada/castle-account.json", said
        with open(file, encoding="utf-8") as kept:
            assert json.load(kept)["account"]["name"] == "ada"
        self.picture("account-saved")
        self.back_to_hall(ada)

    def look_around(self):
        """Every page that is not the hall."""
        for key, words, name in [("ctrl+d", "Microphone level", "tryout"), ("ctrl+comma", "Play a ringtone", "settings"),
                                 ("F1", "Diagnostics", "help")]:
            self.ada.keys(key)
            self.ada.until(words)
            self.picture(name)
            self.ada.keys("Escape")
            self.ada.until("Great Hall")

    def talk(self):
        ada, ben = self.ada, self.ben
        self.call(ada, ben)
        self.picture("ringing")
        ben.keys("ctrl+Return")
        self.connected(ada, ben)
        time.sleep(2)
        self.picture("call")
        ada.keys("c")
        ada.until_at("Write a message")
        ada.write("Can you read this?")
        ada.keys("Return")
        ben.keys("c")
        ben.until("They: Can you read this?")
        ben.until_at("Write a message")
        ben.write("Very well.")
        ben.keys("Return")
        ada.until("They: Very well.")
        self.picture("chat")
        for app in (ada, ben):
            app.keys("Escape", "c")
            app.until_gone("Write a message")
        ben.keys("m")
        ada.until("Muted")
        ben.until("You are muted")
        self.picture("muted")
        ben.keys("m", "v")
        ada.until("Camera is off")
        self.picture("camera-off")
        ben.keys("v")
        ada.until_gone("Camera is off")
        ben.keys("i")
        ben.until("Camera to screen")
        time.sleep(3)
        self.picture("statistics")
        for app in (ada, ben):
            app.keys("s")
        ben.until("Read these words to each other")
        ada.until("Read these words to each other")
        words = [self.safety_words(app) for app in (ada, ben)]
        assert words[0] == words[1], f"two ends, two sets of words: {words}"
        self.picture("safety-words")
        ada.click("They are the same")
        ada.until("The words were compared with this device.")
        for app in (ada, ben):
            app.keys("s")
        self.windows_of_a_call()
        ada.keys("o")
        ada.click("Report…")
        ada.until("Your host reads this report.")
        ada.click("Advertising or fraud")
        self.picture("report")
        ada.click("Send report")
        ada.until("Your host will read the report.")
        reports = self.server.tell("report", "list")
        assert len(reports) == 1, reports
        self.hang_up(ben, ada)
        ada.click("4 stars")
        ada.until("This stays on your machine.")
        self.picture("ended")
        self.back_to_hall(ada, ben)
        ada.keys("ctrl+y")
        ada.until("ben, Outgoing")
        self.picture("history")
        self.back_to_hall(ada)

    def safety_words(self, app):
        """The four words, two blanks between them."""
        return next(name for name in app.read() if len(name.split("  ")) == 4 and "·" not in name)

    def windows_of_a_call(self):
        """Full screen, picture in picture, and quitting, which asks."""
        ada = self.ada
        before = ada.size()
        ada.keys("F11")
        until("the whole screen", lambda: ada.size() == SCREEN)
        self.picture("full-screen")
        ada.keys("Escape")
        until("the window", lambda: ada.size() == before)
        ada.keys("p")
        until("a second window", lambda: ada.windows() == 2)
        time.sleep(1)
        self.picture("picture-in-picture")
        ada.focus()
        ada.keys("p")
        until("one window", lambda: ada.windows() == 1)
        ada.keys("alt+F4")
        ada.until("Leave the call with ben?")
        self.picture("quit")
        ada.click("Stay")
        ada.until_gone("Leave the call with ben?")
        self.connected(ada)

    def meet(self):
        """Match, next, and a way back."""
        ada, ben = self.ada, self.ben
        ada.keys("ctrl+m")
        ada.until("Looking for someone")
        self.picture("looking")
        ben.keys("ctrl+m")
        self.connected(ada, ben)
        self.picture("matched")
        ada.keys("ctrl+n")
        ada.until("Looking for someone")
        ben.until("ada hung up")
        self.picture("next")
        self.back_to_hall(ada, ben)

    def block(self):
        ada, ben = self.ada, self.ben
        ada.click("More about ben")
        ada.click("Block…")
        ada.until("You will not see or hear each other any more")
        self.picture("block")
        ada.click("Block")
        # Ada still looks for Ben by name, who is not there for her any more.
        ada.until_gone("ben, Available")
        ben.until("Nobody else is here yet")
        self.picture("blocked")
        ada.keys("ctrl+comma")
        ada.click("Blocked guests")
        ada.until("Unblock ben")
        ada.click("Unblock ben")
        ada.until("You have blocked nobody.")
        self.back_to_hall(ada)
        ada.until("ben, Available")

    def behind(self):
        """Ben's window is minimised: it rings all the same, and the system tells of it; a missed call is counted."""
        ada, ben = self.ada, self.ben
        ben.xdotool("windowminimize", ben.window)
        time.sleep(1)
        ada.keys("ctrl+f")
        ada.until_at("Search guests")
        ada.keys("ctrl+a")
        ada.write("ben")
        ada.until("1 guest, 1 free")
        ada.keys("Return")
        ada.until("Ringing…")
        self.notices.until("ada is calling")
        ada.keys("Escape")
        self.notices.until("Missed call from ada")
        ben.focus()
        ben.until("ada called and gave up")
        self.back_to_hall(ada, ben)
        ben.until("Calls, 1 missed")
        self.picture("missed")
        ben.keys("ctrl+y")
        ben.until("ada, Missed")
        self.picture("missed-history")
        self.back_to_hall(ben)

    def unanswered(self):
        """Nobody takes the call: both are told, and the ring leaves a missed call behind."""
        self.call(self.ada, self.ben)
        self.ada.until("Nobody answered", 60)
        self.ben.until_gone("is calling you")
        self.picture("unanswered")
        self.to_the_hall(self.ada, self.ben)
        self.ben.until("Calls, 1 missed")
        self.ben.keys("ctrl+y")
        self.ben.until("ada, Missed")
        self.back_to_hall(self.ben)

    def settings_damaged(self):
        """Ben's settings are rubbish: the app says so, keeps them beside and begins anew, and Ben is logged in as ever."""
        self.ben.keys("alt+F4")
        until("the app to end", lambda: not self.ben.lives())
        with open(f"{self.room}/ben/settings.json", "w", encoding="utf-8") as file:
            file.write('{"version": 1, "preferences": {"text_si')
        self.ben = self.start_ben()
        self.ben.until("A file of your settings was damaged.")
        self.ben.until("Great Hall")
        self.picture("settings-damaged")
        kept = [name for name in os.listdir(f"{self.room}/ben") if name.startswith("settings.json.damaged-")]
        assert len(kept) == 1, kept

    def camera_taken(self):
        """Ben's camera is in use by another program, then not his to use: the call is held without it."""
        for name, said in [("BUSY", "is in use by another program"), ("FORBIDDEN", "Castle may not use camera")]:
            more = {"LD_PRELOAD": self.fake_camera(), f"FAKE_CAMERA_{name}": "1"}
            self.start_ben_again("--camera", "device:42", "--mic", "silence", "--speaker", "off", more=more)
            self.call(self.ada, self.ben)
            self.ben.keys("ctrl+Return")
            self.ben.until(said)
            self.ada.until("Camera is off")
            until("a call", lambda: self.ada.title() == "ben – Castle")
            self.picture(f"camera-{name.lower()}")
            self.hang_up(self.ben, self.ada)
            self.back_to_hall(self.ada, self.ben)

    def second_start(self):
        """A second start hands its link to the first, which asks about it, and ends."""
        link = self.server.link()
        host = link.split("://")[1].split("/")[0].split("?")[0]
        done = subprocess.run([self.program, "--profile", f"{self.room}/ben", link], env=self.right.env, timeout=30,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        assert self.ben.lives() and self.ben.windows() == 1
        self.ben.until(f"Join {host}?")
        self.picture("second-start")
        self.ben.keys("Escape")
        self.ben.until_gone(f"Join {host}?")
        self.ben.until("Great Hall")

    # What goes wrong.

    def server_gone(self):
        ada, ben = self.ada, self.ben
        self.call(ada, ben)
        self.server.kill()
        time.sleep(2)
        self.picture("ringing-server-gone")
        self.server.start()
        for app in (ada, ben):
            app.until_gone("Ringing…")
            app.until_gone("is calling you")
            until("the end of the ring", lambda: app.title() == "Castle", 60)
        time.sleep(2)
        self.picture("ringing-server-back")
        self.to_the_hall(ada, ben)
        self.connect(ada, ben)
        self.server.kill()
        ada.until("Reconnecting…")
        self.picture("call-server-gone")
        self.server.start()
        for app in (ada, ben):
            app.until_gone("Reconnecting…")
            until("the call to go on", lambda: app.title().endswith(" – Castle"))
        time.sleep(12)
        self.connected(ada, ben)
        self.picture("call-server-back")
        self.hang_up(ada, ben)
        self.back_to_hall(ada, ben)

    def to_the_hall(self, *apps):
        for app in apps:
            for _ in range(100):
                said = app.read()
                if any("Search guests" in name or "Nobody else is here" in name for name in said):
                    break
                app.keys("Escape")
                time.sleep(0.3)
            app.until("Great Hall")

    def token_too_old(self):
        """The server comes back twenty minutes later by its own clock: every access token is over, the login is not."""
        self.server.kill()
        self.ada.until("Reconnecting…")
        self.server.start(later="+20m")
        for app in (self.ada, self.ben):
            app.until_gone("Reconnecting…")
            app.until("Great Hall")
        self.connect(self.ada, self.ben)
        self.picture("after-twenty-minutes")
        self.hang_up(self.ada, self.ben)
        self.back_to_hall(self.ada, self.ben)

    def sleep(self):
        """Ada's machine sleeps for longer than a session lives, and wakes up."""
        self.ada.process.send_signal(signal.SIGSTOP)
        self.ben.until_gone("ada, Available", 90)
        self.ada.process.send_signal(signal.SIGCONT)
        self.ben.until("ada, Available")
        self.ada.until("ben, Available")
        self.picture("woken")

    def start_ben_again(self, *arguments, more=None):
        self.ben.keys("alt+F4")
        until("the app to end", lambda: not self.ben.lives())
        self.ben = self.start_ben(*arguments, more=more)
        self.ben.until("Great Hall")

    def restart_ben(self, *arguments, more=None):
        self.start_ben_again(*arguments, more=more)
        self.connect(self.ada, self.ben)

    def fake_camera(self):
        """A library that is a camera for the program it is loaded into."""
        library = f"{self.room}/fake_v4l2.so"
        if not os.path.exists(library):
            source = os.path.join(os.path.dirname(__file__), "../desktop-client/tests/fake_camera/fake_v4l2.c")
            subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
        return library

    def camera_pulled(self):
        """Ben's camera is pulled in a call, and comes back."""
        more = {"LD_PRELOAD": self.fake_camera(), "FAKE_CAMERA_VANISH_AFTER": "450", "FAKE_CAMERA_RETURN_MS": "4000"}
        self.restart_ben("--camera", "device:42", "--mic", "silence", "--speaker", "off", more=more)
        self.picture("camera")
        self.ben.until("was disconnected", 60)
        self.picture("camera-pulled")
        self.connected(self.ada, self.ben)
        self.ben.until_gone("The call goes on without it.")
        self.picture("camera-back")
        self.hang_up(self.ben, self.ada)
        self.back_to_hall(self.ada, self.ben)

    def sound_pulled(self):
        """Ben's headset is pulled in a call and comes back; then all of his sound goes, and comes back."""
        sound = self.keep(Sound(self.room, self.log))
        settings = f"{self.room}/ben/settings.json"
        with open(settings, encoding="utf-8") as file:
            kept = json.load(file)
        kept["preferences"]["mic"] = "Headset"
        self.ben.keys("alt+F4")
        until("the app to end", lambda: not self.ben.lives())
        with open(settings, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        self.ben = ben = self.start_ben("--camera", "pattern", more=sound.env)
        ben.until("Great Hall")
        self.connect(self.ada, ben)
        until("the headset in use", lambda: sound.pactl("list", "short", "source-outputs").strip())
        time.sleep(2)
        self.picture("headset")
        sound.pull_headset()
        ben.until("is gone. Another one is used until it comes back.")
        self.picture("headset-pulled")
        sound.plug_headset()
        ben.until("is back and in use.")
        ben.until_gone("is gone. Another one is used")
        self.picture("headset-back")
        sound.end()
        ben.until("you are not heard until then")
        ben.until("you hear nothing until then")
        self.picture("no-sound")
        began = time.monotonic()
        sound.start()
        ben.until_gone("you hear nothing until then")
        ben.until_gone("you are not heard until then")
        print(f"sound healed {time.monotonic() - began:.1f} s after its server was started again", flush=True)
        self.connected(self.ada, ben)
        self.hang_up(ben, self.ada)
        self.back_to_hall(self.ada, ben)

    def several_servers(self):
        """Ada is known at a second hall as well: her link opens it, and one click leads back to the first."""
        room = f"{self.room}/second"
        os.makedirs(room)
        second = self.keep(Server(self.server.program, room))
        self.ada.keys("alt+F4")
        until("the app to end", lambda: not self.ada.lives())
        self.ada = ada = self.start_ada(second.link())
        ada.until(f"Continue as ada at {self.server.url()}")
        self.picture("second-server")
        # Her name stands there already.
        ada.until_at("Password")
        ada.write("walking slowly ada")
        ada.keys("Return")
        ada.until("Nobody else is here yet")
        assert "ada" in {guest["name"] for guest in second.tell("guest", "list")}
        ada.keys("alt+F4")
        until("the app to end", lambda: not ada.lives())
        self.ada = ada = self.start_ada()
        ada.until("Great Hall")
        ada.click("Log out")
        ada.click(f"Continue as ada at {self.server.url()}")
        ada.until("ben, Available")

    def banned(self):
        """Ben is banned in the call."""
        self.connect(self.ada, self.ben)
        self.server.tell("guest", "ban", "ben")
        self.ben.until("The host has banned this account.")
        self.ben.until("I have an account")
        until("the end at Ada's", lambda: self.ada.title() == "Castle", 60)
        self.picture("banned")
        self.back_to_hall(self.ada)
        self.ada.click("Log out")
        self.ada.until("I have an account")

    STEPS = [enter, rest, log_in_again, forgotten_password, own_account, look_around, talk, meet, block, behind, second_start,
             unanswered, settings_damaged, server_gone, token_too_old, sleep, camera_pulled, camera_taken, sound_pulled,
             several_servers, banned]

    def all(self, only=None):
        for step in self.STEPS:
            if only and step.__name__ not in only:
                continue
            began = time.monotonic()
            print(f"{step.__name__} …", flush=True)
            step(self)
            print(f"{step.__name__}: {time.monotonic() - began:.0f} s", flush=True)


class Sound:
    """A PulseAudio of the walk alone: one speaker, a built-in microphone and a headset that can be pulled."""

    def __init__(self, room, log):
        self.folder, self.log = f"{room}/sound", log
        os.makedirs(f"{self.folder}/pulse")
        open(f"{self.folder}/asound.conf", "w", encoding="utf-8").close()
        self.env = {"XDG_RUNTIME_DIR": self.folder, "PULSE_RUNTIME_PATH": f"{self.folder}/pulse",
                    "PULSE_STATE_PATH": f"{self.folder}/state", "PULSE_SERVER": f"unix:{self.folder}/pulse/native",
                    "ALSA_CONFIG_PATH": f"{self.folder}/asound.conf", "PULSE_COOKIE": f"{self.folder}/cookie"}
        with open(f"{self.folder}/cookie", "wb") as cookie:
            cookie.write(os.urandom(256))
        self.start()

    def start(self):
        path = f"{self.folder}/pulse/native"
        if os.path.exists(path):
            os.remove(path)
        modules = [f"module-native-protocol-unix auth-anonymous=1 socket={path}",
                   "module-null-sink sink_name=speaker sink_properties=device.description=Speaker",
                   "module-null-sink sink_name=cable",
                   "module-remap-source source_name=builtin master=cable.monitor source_properties=device.description=Builtin"]
        command = ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes",
                   "--realtime=no", "--high-priority=no", "-n"]
        for module in modules:
            command += ["-L", module]
        self.daemon = subprocess.Popen(command, env={**os.environ, **self.env}, stdout=self.log, stderr=self.log)
        until("a sound server", lambda: self.pactl("info", check=False))
        self.pactl("set-default-sink", "speaker")
        self.pactl("set-default-source", "builtin")
        self.plug_headset()

    def pactl(self, *arguments, check=True):
        done = subprocess.run(["pactl", *arguments], env={**os.environ, **self.env}, capture_output=True, text=True, check=check)
        return done.stdout

    def plug_headset(self):
        self.headset = self.pactl("load-module", "module-remap-source", "source_name=headset", "master=cable.monitor",
                                  "source_properties=device.description=Headset").strip()

    def pull_headset(self):
        self.pactl("unload-module", self.headset)

    def end(self):
        if self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait()


def main():
    server, desktop, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    for old in os.listdir(out):
        if old.endswith(".jpg"):
            os.remove(os.path.join(out, old))
    room = tempfile.mkdtemp(prefix="castle-walk.")
    os.makedirs(f"{room}/ada/.config")
    walk = None
    began = time.monotonic()
    try:
        walk = Walk(server, desktop, out, room)
        walk.all(os.environ.get("STEPS", "").split(",") if os.environ.get("STEPS") else None)
        print(f"walked: {walk.steps} pictures in {out}, {time.monotonic() - began:.0f} s")
        return 0
    except (Lost, AssertionError, subprocess.CalledProcessError) as lost:
        if walk:
            walk.picture("failed")
        for log in ("server.log", "apps.log"):
            if os.path.exists(f"{room}/{log}"):
                shutil.copy(f"{room}/{log}", f"{out}/{log}")
        print(f"the walk stopped: {lost} (pictures and logs: {out})", file=sys.stderr)
        return 1
    finally:
        if walk:
            walk.end()
        shutil.rmtree(room, ignore_errors=True)


sys.exit(main())
