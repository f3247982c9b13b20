"""A desktop of its own for the walk: two screens, what a screen reader reads, what the system's notices say.

Owns displays, window managers, the accessibility bus and the fake notification service. Needs Debian's python3-gi; runs
inside a D-Bus session of its own (dbus-run-session).
"""

import os
import subprocess
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib  # noqa: E402

PATIENCE = 30.0
# What puts a notice away is called so.
DISMISS = "Dismiss"


class Lost(Exception):
    """What was waited for did not come."""


def until(what, look, seconds=PATIENCE):
    """Waits until `look` gives something, and gives it."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Lost(f"never came: {what}")
        time.sleep(0.1)


def screen_readers_are_on():
    """Tells the session that somebody reads the screen, so that apps tell what is on it."""
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    for name in ("IsEnabled", "ScreenReaderEnabled"):
        arguments = GLib.Variant("(ssv)", ("org.a11y.Status", name, GLib.Variant("b", True)))
        bus.call_sync("org.a11y.Bus", "/org/a11y/bus", "org.freedesktop.DBus.Properties", "Set",
                      arguments, None, Gio.DBusCallFlags.NONE, 5000, None)
    Atspi.init()


NOTICES = """<node><interface name="org.freedesktop.Notifications">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
<arg type="a{sv}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/></method>
<method name="GetCapabilities"><arg type="as" direction="out"/></method>
<method name="GetServerInformation"><arg type="s" direction="out"/><arg type="s" direction="out"/>
<arg type="s" direction="out"/><arg type="s" direction="out"/></method>
</interface></node>"""


class Notices:
    """Stands in for the system's notification service, and remembers what it was told."""

    def __init__(self):
        self.told = []
        self.bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        interface = Gio.DBusNodeInfo.new_for_xml(NOTICES).interfaces[0]
        self.bus.register_object("/org/freedesktop/Notifications", interface, self._called, None, None)
        Gio.bus_own_name_on_connection(self.bus, "org.freedesktop.Notifications", Gio.BusNameOwnerFlags.NONE, None, None)

    def _called(self, _bus, _sender, _path, _interface, method, arguments, invocation):
        if method == "Notify":
            self.told.append(arguments[4])
            invocation.return_value(GLib.Variant("(u)", (len(self.told),)))
        elif method == "GetCapabilities":
            invocation.return_value(GLib.Variant("(as)", (["body"],)))
        else:
            invocation.return_value(GLib.Variant("(ssss)", ("walk", "castle", "1", "1.2")))

    def until(self, words):
        """Waits for a notice with these words."""
        context = GLib.MainContext.default()

        def look():
            while context.iteration(False):
                pass
            return any(words in told for told in self.told)

        until(f"the notice “{words}” (told: {self.told})", look)


class Screen:
    """A virtual display with a window manager."""

    def __init__(self, size, log):
        reader, writer = os.pipe()
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{size[0]}x{size[1]}x24", "-nolisten", "tcp"]
        self.server = subprocess.Popen(command, pass_fds=[writer], stdout=log, stderr=log)
        os.close(writer)
        with os.fdopen(reader) as told:
            self.display = ":" + told.readline().strip()
        self.env = {**os.environ, "DISPLAY": self.display, "LANG": "C.UTF-8"}
        for name in ("WAYLAND_DISPLAY", "LC_ALL", "LC_MESSAGES", "LANGUAGE"):
            self.env.pop(name, None)
        self.manager = subprocess.Popen(["openbox", "--sm-disable"], env=self.env, stdout=log, stderr=log)

    def picture(self, path):
        """Begins to take a picture of all of it."""
        return subprocess.Popen(["import", "-window", "root", path], env=self.env)

    def end(self):
        for process in (self.manager, self.server):
            process.terminate()
            process.wait()


class App:
    """A running castle-desktop: used by its window, read as a screen reader reads it."""

    def __init__(self, name, screen, command, log, more=None):
        self.name, self.screen = name, screen
        self.process = subprocess.Popen(command, env={**screen.env, **(more or {})}, stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL)
        self.window = until(f"a window of {name}", self._find_window, 60)
        self.focus()

    def _find_window(self):
        if self.process.poll() is not None:
            raise Lost(f"the app of {self.name} ended")
        found = self.xdotool("search", "--onlyvisible", "--pid", str(self.process.pid), "--name", ".", check=False)
        return found.split()[0] if found.split() else None

    def windows(self):
        """How many windows it shows."""
        return len(self.xdotool("search", "--onlyvisible", "--pid", str(self.process.pid), "--name", ".", check=False).split())

    def xdotool(self, *arguments, check=True):
        done = subprocess.run(["xdotool", *arguments], env=self.screen.env, check=check, capture_output=True, text=True)
        return done.stdout

    def focus(self):
        self.xdotool("windowactivate", "--sync", self.window)

    def keys(self, *keys):
        for key in keys:
            self.xdotool("key", "--clearmodifiers", key)
            time.sleep(0.1)

    def write(self, text):
        self.xdotool("type", "--delay", "15", text)
        time.sleep(0.2)

    def title(self):
        return self.xdotool("getwindowname", self.window, check=False).strip()

    def size(self):
        lines = self.xdotool("getwindowgeometry", "--shell", self.window).splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        return int(values["WIDTH"]), int(values["HEIGHT"])

    def _nodes(self):
        desktop = Atspi.get_desktop(0)
        desktop.clear_cache()
        waiting = []
        for place in range(desktop.get_child_count()):
            app = desktop.get_child_at_index(place)
            if app is not None and app.get_process_id() == self.process.pid:
                waiting.append(app)
        while waiting:
            node = waiting.pop()
            node.clear_cache()
            yield node
            for place in range(node.get_child_count()):
                child = node.get_child_at_index(place)
                if child is not None:
                    waiting.append(child)

    def _look(self):
        """The names on the screen as far as they could be read, and whether that was all of them."""
        names = []
        try:
            for node in self._nodes():
                names.append(node.get_name() or "")
        except GLib.Error:
            return names, False  # The tree changed under the reader.
        return names, bool(names)

    def read(self):
        """The names of all that is on the screen."""

        def whole():
            names, all_of_them = self._look()
            return names if all_of_them else None

        return until(f"{self.name}: a screen that can be read", whole)

    def until(self, words, seconds=PATIENCE):
        """Waits until something on the screen says `words`, and gives all it says."""
        try:
            return until(words, lambda: next((name for name in self._look()[0] if words in name), None), seconds)
        except Lost as lost:
            said = [name for name in self._look()[0] if name]
            raise Lost(f"{self.name}: {lost}; the screen says {said}") from None

    def until_at(self, name):
        """Waits until the keyboard is at what has this name."""

        def look():
            try:
                return any(node.get_name() == name and node.get_state_set().contains(Atspi.StateType.FOCUSED)
                           for node in self._nodes())
            except GLib.Error:
                return False

        until(f"{self.name}: the keyboard at “{name}”", look)

    def until_gone(self, words, seconds=PATIENCE):
        """Waits until nothing on the screen says `words`. A screen that cannot be read says nothing about that."""

        def look():
            names, all_of_them = self._look()
            return all_of_them and not any(words in name for name in names)

        until(f"{self.name}: “{words}” to go", look, seconds)

    def _place(self, name):
        try:
            for node in self._nodes():
                if node.get_name() == name and "Component" in node.get_interfaces():
                    box = node.get_extents(Atspi.CoordType.WINDOW)
                    if box.width > 0:
                        return box
        except GLib.Error:
            pass
        return None

    def _foot(self, height):
        """Where a page ends: at the window's foot, or above the notices there."""
        try:
            signs = [node.get_extents(Atspi.CoordType.WINDOW) for node in self._nodes() if node.get_name() == DISMISS]
        except GLib.Error:
            return height
        return min([sign.y - sign.height // 2 for sign in signs if sign.y > height // 2], default=height)

    def _still(self, name):
        """Where a control is, once it has come to rest."""
        last = []

        def look():
            box = self._place(name)
            now = (box.x, box.y) if box else None
            last.append(now)
            return box if now and last[-3:] == [now] * 3 else None

        return until(f"{self.name}: a control “{name}”", look)

    def click(self, name):
        """Clicks what has this name, by the pointer."""
        box = self._still(name)
        width, height = self.size()
        for _ in range(60):
            if box.y + box.height <= (height if name == DISMISS else self._foot(height)):
                break
            self.xdotool("mousemove", "--window", self.window, str(width // 2), str(height // 2), "click", "5")
            box = self._still(name)
        self.xdotool("mousemove", "--window", self.window, str(box.x + box.width // 2), str(box.y + box.height // 2))
        time.sleep(0.1)
        self.xdotool("click", "1")
        time.sleep(0.2)

    def cpu(self):
        """Seconds of a core that it has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def lives(self):
        return self.process.poll() is None

    def end(self):
        if self.lives():
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
