# Sentences and words of the window and of the engine, in English. Keys are the same in every file.

# App and window
app = Castle
window-in-call = { $peer } – Castle
window-ringing = { $peer } is calling you
window-no-display = Castle found no screen to open its window on. Start it from a desktop session, or use `castle-desktop bot` where there is no screen.
window-no-opengl = Castle could not start OpenGL, which it draws with. Install or update the graphics driver (on Debian and Ubuntu: libegl1 libgl1-mesa-dri), or try again with LIBGL_ALWAYS_SOFTWARE=1.
start-misconfigured = Castle was started with something that it does not understand: an option, a file or a setting of the environment. Started in a terminal it says what.
window-not-opened = Castle could not open its window.
start-deaf = Castle runs already, but does not answer. End it in your system's list of programs, then start it again.
cancel = Cancel
copy = Copy
card-close = Close
page-back = Back
list-unanswered = The server did not answer.
list-again = Try again

# Login
login-intro = Private video calls, from one guest to another.
login-mode-log-in = I have an account
login-mode-register = I have an invitation
login-mode-reset = I forgot my password
login-server = Server address
login-server-or-link = Server address or invitation link
login-server-hint = https://castle.example:50051
login-invitation = Invitation code
login-code = One-time code from your host
login-name = Name
login-password = Password
login-code-in-link = The invitation code is in the link.
login-show-password = Show password
login-remember = Stay logged in on this device
login-log-in = Log in
login-register = Join with invitation
login-reset = Set password and log in
login-reset-explained = Ask your host for a one-time code; it is good for 24 hours. With it you choose a new password, and your other devices are logged out.
login-busy = Connecting…
login-cancel = Cancel login
login-known = Welcome back
login-continue = Continue as { $name }
login-continue-at = Continue as { $name } at { $server }
login-forget = Forget { $name } at { $server }
login-other-server = Another server or name…
login-others = Servers you know
login-as = Log in as { $name }
login-as-at = Log in as { $name } at { $server }
login-need-server = Enter the address that your host gave you.
login-need-link = Enter the server address, or paste the invitation link.
login-need-invitation = Enter the code of your invitation, or paste its link above.
login-need-name = Enter your name.
login-need-password = Enter your password.
login-need-new-password = Choose a password.
login-need-code = Enter the code that your host gave you.
password-again = Repeat new password
password-differs = The two new passwords are not the same.
login-link-needs-invitation = This is an invitation link. Choose “I have an invitation”.
join-title = Join { $host }?
join-explained = You will be logged out here, and a call that is on ends. Then you can register there with the invitation.
join-do = Log out and join
join-explained-kept = You leave this server, and stay logged in here: one click brings you back. A call that is on ends. Then you can register there with the invitation.
join-do-kept = Leave and join

# Great Hall
hall = Great Hall
hall-find = Find someone
hall-find-tip = Be put through to the next person who is looking, too
hall-next-free = Call next free
hall-next-free-tip = Call the guest who has been free the longest
hall-interests = Interests…
hall-looks-for = Looking for: { $list }
hall-search = Search guests
hall-count = { $all ->
    [one] { $all } guest
   *[other] { $all } guests
}, { $free } free
hall-count-all = { $all ->
    [one] { $all } guest
   *[other] { $all } guests
}
hall-empty = Nobody else is here yet
hall-empty-more = Guests appear as soon as they come in. “Find someone” waits for the next one for you.
hall-no-hit = No guest of that name is here.
hall-more = Show more guests
hall-another-server = Another server
hall-another-server-tip = Leave for another server. You stay logged in here: one click brings you back
hall-log-out = Log out
hall-call = Call
hall-call-name = Call { $name }
hall-menu-of = More about { $name }
hall-shown-as = Shown as
availability-available = Available
availability-in-call = In a call
availability-do-not-disturb = Do not disturb
availability-invisible = Invisible

# About other guests
guest-report = Report…
guest-block = Block…
report-title = Report { $name }
report-explained = Your host reads this report. The other guest is not told.
report-harassment = Insults or threats
report-sexual = Unwanted nudity or sex
report-violence = Hatred or violence
report-spam = Advertising or fraud
report-impersonation = Pretends to be somebody else
report-underage = Too young to be here
report-other = Something else
report-words = In your own words
report-block-too = Block this guest, too
report-send = Send report
report-lost = The report did not get through. What you wrote is still here: send it again in a moment.
block-title = Block { $name }?
block-explained = You will not see or hear each other any more, and a call with them ends. You can take it back in the settings.
block-do = Block
blocked = Blocked guests
blocked-loading = Asking the server…
blocked-nobody = You have blocked nobody.
blocked-unblock = Unblock
blocked-unblock-name = Unblock { $name }

# Finding somebody
search-title = Looking for someone
search-stop = Stop looking
search-asking = Asking the server…
search-alone = You are the only one looking. You are put through as soon as someone else looks, too.
search-next = You are next. { $waiting } are looking.
search-position = You are number { $position } of { $waiting } who are looking.
search-place = You are number { $position } in line.
search-wait = { $time } so far
search-wait-usually = { $time } so far, usually about { $usual }
time-seconds = { $count ->
    [one] a second
   *[other] { $count } seconds
}
time-minutes = { $count ->
    [one] a minute
   *[other] { $count } minutes
}
interests = Interests and languages
interests-explained = Whoever shares most of this with you is found first. After a while of waiting anybody will do.
interests-tags-title = Interests
interests-tags = Interests, separated by commas, at most 8
interests-tags-hint = chess, gardening
interests-languages = Languages you speak
interests-add-language = Add a language…
interests-remove = Remove { $name }

# A call
call-accept = Accept
call-accept-without-camera = Without camera
call-decline = Decline
call-cancel = Cancel call
call-hang-up = Hang up
call-next = Next
call-mute = Mute
call-unmute = Unmute
call-camera-off = Camera off
call-camera-on = Camera on
call-more = More
call-full-screen = Full screen
call-pip = Picture in picture
call-devices = Camera and sound…
share = Share your screen
share-short = Share
share-stop = Stop sharing
share-what = What do you want to share?
share-explained = The other end sees it as it is, with everything that appears on it, until you stop.
share-looking = Looking for screens and windows…
share-whole = The whole screen
share-display = Screen { $name }
share-window = { $name }
share-of = Screen of { $peer }
call-calls-you = is calling you
call-placing = Calling…
call-placing-next-free = Whoever is free
call-ringing = Ringing…
call-connecting = Connecting picture and sound…
call-waiting-picture = Waiting for the picture…
call-sound-alone = This call has sound only
call-peer-camera-off = Camera is off
call-peer-muted = Muted
call-peer-reconnecting = { $peer } lost the connection and is coming back…
call-path-lost = The connection is lost. Looking for a new way…
call-frozen-short = Frozen
call-picture-of = Picture of { $peer }
call-frozen = { $peer }, picture frozen for { $seconds ->
    [one] a second
   *[other] { $seconds } seconds
}
own-picture = Your picture
own-camera-off = Your camera is off
own-camera-lost = No camera
own-camera-starts = Camera starts…
own-muted = You are muted
chat = Chat
chat-close = Close chat
chat-copy = Copy all
chat-empty = What you write here is end-to-end encrypted like picture and sound, and gone with the call.
chat-words = Write a message
chat-send = Send
chat-you = You
chat-they = They
chat-not-delivered = Not there yet
chat-count = Chat ({ $count })
chat-unread = { $count ->
    [one] Chat, a message to read
   *[other] Chat, { $count } messages to read
}
safety = Safety words
safety-explained = Read these words to each other. When they are the same at both ends, nobody is between you.
safety-pending = The two apps are still working out the words.
safety-unsupported = The other end does not know safety words.
safety-same = They are the same
safety-differ = They differ: end the call
safety-device-first = You have not met a device of this guest before.
safety-device-new = This guest uses a device that is new to you.
safety-device-seen = You met this device in an earlier call.
safety-device-verified = The words were compared with this device.
quality-good = Good connection
quality-fair = Fair connection
quality-poor = Poor connection
stats = Statistics
stats-most = peak { $value }
stats-received = Received
stats-sent = Sent
stats-loss = Lost
stats-lost-there = Lost at the other end
stats-rtt = Round trip
stats-glass = Camera to screen
stats-line-rtt = { $ms } ms round trip
stats-line-glass = { $ms } ms camera to screen
stats-line-loss = { $percent } % lost
unit-ms = { $count } ms
unit-fps = { $count } fps
unit-mbps = { $count } Mb/s
unit-kbps = { $count } kb/s
unit-percent = { $share } %
route-host = Direct, same network
route-direct = Direct
route-relay = Relayed by the server
route-asked-for = Relayed: you asked for it
route-private = Relayed: matched guests do not learn each other's address
route-udp-blocked = Relayed: UDP is blocked
route-no-direct-way = Relayed: the two networks do not let a direct connection through

# After a call
ended-declined = { $peer } cannot take the call now
ended-you-declined = You declined the call
ended-gave-up = { $peer } called and gave up
ended-missed = You missed a call from { $peer }
ended-busy = { $peer } is in another call
ended-cancelled = The call was cancelled
ended-timed-out = Nobody answered
ended-hung-up = You hung up
ended-peer-hung-up = { $peer } hung up
ended-disconnected = { $peer } is no longer connected
ended-failed = Picture and sound did not get through
ended-broke = The connection broke
ended-answered-elsewhere = Answered on another device
ended-superseded = Another call took its place
ended-shutting-down = The server is going down
ended-forgotten = The call was lost with the connection to the server
ended-try-later = Try again later.
ended-try-when-free = Try again when the hall shows them as available.
ended-try-when-back = Call again when the hall shows them as available.
ended-check-network = Check that your network lets calls through, then call again.
ended-call-back = Call again. If it breaks again, check your connection.
ended-comes-back = You are logged in again automatically once it is back.
ended-again = Call again.
ended-lasted = The call lasted { $time }.
ended-rate = How was the call?
ended-rated = Thank you. This stays on your machine.
ended-stars = { $count ->
    [one] One star
   *[other] { $count } stars
}
ended-find-another = Find someone else
ended-call-again = Call again
ended-back = Back to the hall
quit-title = Leave the call with { $peer }?
quit-explained = Closing the window ends the call.
quit-do = Hang up and quit
quit-stay = Stay

# Calls of the past
history = Calls
history-missed = Calls, { $count } missed
history-loading = Asking the server…
history-empty = You have had no calls yet.
history-more = Show older calls
history-erase-ask = Erase all…
history-erase-title = Erase all calls?
history-erase-explained = Your side of all calls is erased from the server. You cannot take it back.
history-erase = Erase all
history-erased-guest = A guest who left
history-matched = found by matching
history-way-in = Incoming
history-way-out = Outgoing
history-way-missed = Missed
ago-now = just now
ago-minutes = { $count ->
    [one] a minute ago
   *[other] { $count } minutes ago
}
ago-hours = { $count ->
    [one] an hour ago
   *[other] { $count } hours ago
}
ago-days = { $count ->
    [one] yesterday
   *[other] { $count } days ago
}
date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }

# Camera and sound
tryout = Camera and sound
tryout-mic-explained = Say something. The bar moves when you are heard.
tryout-level = Microphone level
tryout-speaker-test = Play test sound
tryout-speaker-plays = Playing…

# Settings
settings = Settings
settings-looks = Appearance
settings-theme = Colours
settings-theme-system = Same as the system
settings-theme-light = Light
settings-theme-dark = Dark
settings-language = Language
settings-language-system = System
settings-zoom = Size
settings-devices = Devices
settings-camera = Camera
settings-mic = Microphone
settings-speaker = Speaker
devices-done = Done
settings-first-camera = The first camera, or the test picture
settings-test-picture = Test picture
settings-system-device = System default
settings-sound = Sound
settings-echo = Cancel echo
settings-noise = Reduce background noise
settings-gain = Adjust microphone volume automatically
settings-push-to-talk = Speak only while Space is held
settings-quality = Picture and network
settings-quality-cap = Video quality
settings-quality-best = Best
settings-quality-medium = Medium
settings-quality-saving = Save data
settings-relay-only = Relay all calls through the server
settings-relay-only-explained = Nobody learns your network address then. Calls may be a little slower.
settings-notifications = Notifications
settings-notify = Tell me of calls when the window is not in front
settings-ring = Play a ringtone
settings-people = People
settings-account = Account
settings-account-explained = Your name, your devices, your password, and what the server keeps about you.
settings-old-password = Current password
settings-new-password = New password
settings-change-password = Change password

# My account
account = Your account
account-name = Your name
account-name-shown = What people see
account-name-login = You still log in as { $name }.
account-name-save = Change name
account-devices = Your devices
account-devices-explained = You are logged in on these devices. Log out those that you no longer use, or do not know.
account-devices-loading = Asking the server…
account-device-this = This device
account-device-unnamed = Unnamed device
account-device-used = Last used: { $when }
account-log-out = Log out
account-log-out-name = Log out { $name }
account-data = Your data
account-data-explained = Writes all that the server keeps about you into one file: name, devices, blocked guests, reports and calls.
account-data-file = File
account-data-save = Save my data
account-erase = Erase account
account-erase-told = Erases your account from the server. It cannot be brought back.
account-erase-ask = Erase my account…
account-erase-title = Erase your account?
account-erase-explained = Your name, password, devices, blocked guests and calls are erased from the server at once, and a call that is on ends. In the lists of others your calls stay without your name; your reports stay with the host. Others can take your login name.
account-erase-do = Erase for good
account-busy = One moment…
crowded = Too many devices

# Help
help = Help
help-checkup-explained = Looks at everything between here and a call, and says what to change.
help-shortcuts = Keyboard shortcuts
help-diagnostics = Diagnostics
help-diagnostics-explained = Writes versions, settings and what happened lately into one file that you can send to your host. It holds no passwords.
help-diagnostics-file = File
help-diagnostics-names = With names and addresses
help-diagnostics-save = Save diagnostics
keys-search = Search the hall
keys-escape = Back, decline, cancel
keys-mute = Mute or unmute
keys-camera = Camera on or off
keys-share = Share your screen, or stop
keys-talk = Speak while held, if set so
keys-next = Next person
keys-tab = From control to control; arrows move your picture
keys-in-hall = In the hall and while it rings
keys-anywhere = On every page
keys-in-call = In a call
key-ctrl = Ctrl
key-cmd = Cmd
key-shift = Shift
key-enter = Enter
key-space = Space
key-esc = Esc
key-tab = Tab
about = About
about-version = Castle { $version }
about-explained = Private one-to-one video calls on a server of your own. Picture, sound and chat are end-to-end encrypted.
about-licence = Free software under the MIT or the Apache 2.0 licence, as you choose.
about-server = Logged in at { $server }
checkup = Check my connection
checkup-close = Close
checkup-looking = Looking at everything between here and a call…
checkup-well = All is well: calls will get through from here.
checkup-failed = { $count ->
    [one] One thing does not work.
   *[other] { $count } things do not work.
}
checkup-fine = Fine
checkup-wrong = Does not work
checkup-skipped = Not checked

# Notices
notices-dismiss = Dismiss
notices-use = Use it
notices-more = { $count ->
    [one] One more notice
   *[other] { $count } more notices
}
notices-overloaded = The app is very busy, and that was not done. Please try again.
notices-reconnecting = Connection to the server lost. Reconnecting…

# What went wrong
error-bad-address = That is not a server address. It looks like https://castle.example:50051, or is the link from your host.
error-bad-pin = The fingerprint is incomplete: it is sha256: followed by 64 digits. Copy it again, or ask your host for the link.
error-no-tls = What answers at that address does not encrypt the connection. Check the port, or ask your host for the link.
error-unknown-host = There is no such server. Check the address for typing errors, and that you are online.
error-connection-refused = The machine is there, but no Castle server answers on it. Check the port, or ask your host whether the server runs.
error-timeout = The server did not answer in time. Check your network, then try again.
error-unreachable = The connection to the server broke. Check your network, then try again.
error-not-castle = Something answers at that address, but it is not a Castle server. Check the address and port.
error-protocol = The server said something this app does not understand. App and server may be of different versions: ask your host which one to use.
error-code-refused = Name and code do not match, or the code was used or is older than 24 hours. Check both, or ask your host for a new code.
error-code-spent = A password was set with this code a moment ago. Log in with that one, or ask your host for a new code.
error-keyring-closed = The keyring of this computer did not open. Open it and try again, or log in with your password.
error-no-key = No key to this login was found on this computer. If it has a keyring that is locked, open that and try again; otherwise log in with your password.
error-invitation-unknown = The server does not know this invitation. Check the code, or ask your host for a new one.
error-invitation-expired = This invitation is too old. Ask your host for a new one.
error-invitation-spent = This invitation was used already. Ask your host for a new one.
error-name-taken = Somebody else has this name. Choose another, or log in if it is yours.
error-bad-credentials = Name and password do not match. Check both, then try again.
error-login-over = Your login has ended. Please log in again.
error-refresh-reused = Your login was used from two places at once and was closed for safety. Please log in again.
error-superseded = This session was taken over by another connection of yours.
error-session-limit = You are in the hall on too many devices at once. Log one of them out, here or on another device under “Settings” and “Your account”; then you get in.
error-call-over = That call is over.
error-wrong-state = That is not possible at this point of the call.
error-already-in-call = You are in a call already. End it first.
error-peer-unavailable = This guest cannot be reached now. Try again later.
error-nobody-available = Nobody is free right now. Try again in a moment.
error-ring-limit = You rang this guest several times without an answer. Wait ten minutes.
error-already-queued = You are waiting for a match already.
error-queue-full = Too many people wait for a match right now. Try again in a moment.
error-invitation-revoked = The host has taken this invitation back. Ask for another one.
error-invitation-required = You need an invitation to register here. Ask the host for one.
error-banned = The host has banned this account. Ask your host.
error-login-ended = You were logged out. Log in again.
error-guest-unknown = There is no such guest any more.
error-device-unknown = That device is logged out already.
error-report-unknown = There is no such report.
error-last-admin = The hall needs an admin: make somebody else one first.
error-deadline = The server took too long to answer. Try again.
error-permission = Your account may not do this. Ask your host.
error-version = App and server are of different versions. Ask your host which version of the app to use.
error-reconnects = The connection to the server was lost and is being set up again.
error-too-much = That is more than the server takes. Try again with less.
error-certificate-expired = The certificate of this server has expired, or the clock of this computer is wrong. Check the clock, then tell your host.
error-certificate-other-name = The certificate of this server belongs to another name. Check the address, or ask your host for the link.
error-field-name = This name cannot be used. Names have 3 to 32 letters, digits, dots, dashes or underscores.
error-field-password = This password cannot be used. It needs at least 8 characters and must not be a common one.
error-field-display-name = This name cannot be shown. It may have up to 64 characters, all of them visible.
error-field-invitation = This is not an invitation code. Check it, or ask your host for a new one.
error-field-tags = At most 8 interests of at most 32 characters each can be used.
error-field-other = The server did not accept one of the entries. Check them, then try again.
error-try-again-in = Try again in { $time }.
error-rate-limited = That was too often in a short time.
error-draining = The server is being restarted.
error-internal = Something went wrong on the server.
error-log-id = Tell your host this number: { $id }.
error-certificate-unknown = Nobody whom this computer trusts vouches for this server. Its certificate is { $shown }. If your host confirms exactly that, open the link from your host, or write ?pin={ $shown } behind the address.
error-certificate-changed = This server shows another certificate than the one you trust: { $shown }. Somebody may stand between you and it. Go on only with a new link from your host.

# What the engine tells
told-reported = Thank you. Your host will read the report.
told-blocked = You do not see or hear each other any more. You can take it back in the settings.
told-password-changed = Your password is changed. Your other devices are logged out.
told-wrong-password = That is not your password, and nothing was changed. Type it again.
told-renamed = You are shown as { $name } now.
told-exported = What the server keeps about you was saved as { $file }.
told-not-exported = What the server keeps about you could not be saved as { $file }. Choose another place.
told-erased = Your account is erased, and you are logged out everywhere.
told-not-remembered = This login could not be remembered: no keyring and no folder takes its key.
told-key-in-file = The keyring of this computer does not take the key to your login. It is kept in a file that only you can read.
told-settings-damaged = A file of your settings was damaged. It was kept as { $name }, and the app began with fresh settings.
told-settings-stuck = A file of your settings is damaged and cannot be set aside. The app began with fresh settings.
told-settings-newer = Your settings were written by a newer version of the app. They are left as they are; what you change now is not kept.
told-servers-damaged = The list of your servers was damaged. It was kept as { $name }. Log in again, and your server is remembered anew.
told-servers-stuck = The list of your servers is damaged and cannot be set aside. Log in again; if this comes back at the next start, delete servers.json in the folder of your settings.
told-servers-newer = The list of your servers was written by a newer version of the app. It is left as it is; new logins are not kept.
told-keys-damaged = The file with the keys to your logins was damaged. It was kept as { $name }. Log in with your password, and you stay logged in again.
told-keys-stuck = The file with the keys to your logins is damaged and cannot be set aside. Log in with your password; if this comes back at the next start, delete logins.json in the folder of your settings.
told-keys-newer = The keys to your logins were written by a newer version of the app. They are left as they are; log in with your password, or use the newer version.
told-not-saved = What you set, and where you log in, cannot be saved in { $folder }. Make room there, or allow Castle to write there; it tries again by itself.
told-screen-refused = The other end cannot show a shared screen.
told-screen-too-large = The other end shares a screen of { $width } × { $height }, which is larger than this app shows. Ask them to share a window instead.
told-chat-too-long = This is too long for one line of chat. Send it in several.
told-chat-too-many = The other end takes no more lines right now. Wait until the earlier ones have arrived.
told-pictures-too-large = The other end sends pictures of { $width } × { $height }, which are larger than this app shows. Ask them for a smaller size.
told-not-placed = The call was not placed, since the connection broke. Please call again.
told-no-call-yet = Nobody can be called before the connection to the server is back. Castle reconnects by itself.
told-broke = Something inside the app broke. If picture or sound is missing, call again; please save the diagnostics for your host.
told-man-in-the-middle = The call was ended: somebody may stand between you and the other end. Tell your host, and say nothing private until it is clear who that is.
told-camera-gone = The camera “{ $name }” is gone. Another one is used until it comes back.
told-camera-gone-last = The camera “{ $name }” is gone, and there is no other. Plug it in again.
told-camera-back = The camera “{ $name }” is back and in use.
told-camera-used = The camera “{ $name }” is in use now.
told-camera-new = There is a new camera: “{ $name }”.
told-mic-gone = The microphone “{ $name }” is gone. Another one is used until it comes back.
told-mic-gone-preferred = The microphone “{ $name }” is gone. The one that the system prefers is used now.
told-mic-gone-last = The microphone “{ $name }” is gone, and there is no other. Plug it in again; you are not heard until then.
told-mic-back = The microphone “{ $name }” is back and in use.
told-mic-new = There is a new microphone: “{ $name }”.
told-speaker-gone = The speaker “{ $name }” is gone. Another one is used until it comes back.
told-speaker-gone-preferred = The speaker “{ $name }” is gone. The one that the system prefers is used now.
told-speaker-gone-last = The speaker “{ $name }” is gone, and there is no other. Plug it in again; you hear nothing until then.
told-speaker-back = The speaker “{ $name }” is back and in use.
told-speaker-new = There is a new speaker: “{ $name }”.
told-diagnostics-saved = The diagnostics were saved as { $file }.
told-diagnostics-not-saved = The diagnostics could not be saved as { $file }. Choose another place.

# Notices of the system
system-ringing = { $peer } is calling
system-missed = Missed call from { $peer }
system-wrote = { $peer } wrote to you
system-open = Open

# Devices
fault-goes-on = The call goes on without it.
fault-no-camera = There is no camera. A test picture is shown until one is plugged in.
fault-no-pictures = This call has sound and no picture: the program at the other end has no pictures that Castle understands. With Castle or an up-to-date browser there, both see each other.
fault-screen-unsupported = This system gives Castle no way to its screen yet. Screens are shared under X11.
fault-screen-wayland = In a Wayland session Castle cannot share the screen yet. Log in with an X11 (Xorg) session to share it.
fault-screen-none = There is no display that could be shared.
fault-screen-gone = What you shared is gone, and is shared no more.
fault-screen-system = The window system gives Castle no picture ({ $reason }).
fault-camera-not-found = There is no camera { $camera }. Plug it in, or choose another one.
fault-camera-busy = Camera { $camera } is in use by another program. Close that program.
fault-camera-forbidden = Castle may not use camera { $camera }. Allow it in the system's settings.
fault-camera-unsupported = Camera { $camera } gives no pictures that Castle understands ({ $reason }). Choose another one.
fault-camera-gone = Camera { $camera } was disconnected. Plug it in again.
fault-camera-bus = Camera { $camera } does not fit beside other devices on the same hub. Plug it into another socket of the computer, or unplug another camera.
fault-camera-disturbed = Camera { $camera } is disturbed on its way to the computer. Try another cable or socket.
fault-camera-memory = There is no memory left for camera { $camera }. Close other programs.
fault-camera-silent = Camera { $camera } has sent no picture for { $seconds ->
    [one] a second
   *[other] { $seconds } seconds
}. Unplug it and plug it in again.
fault-camera-file = The video { $file } cannot be played ({ $reason }). Choose another one.
fault-camera-system = Camera { $camera } does not work ({ $reason }). Unplug it and plug it in again, or choose another one.
reason-no-camera = it is no camera
reason-no-layout = it offers no form of picture that Castle reads
reason-refuses-layout = it refuses the form of picture that it offers
reason-system-error = error { $code } of the system
reason-other-layout = it changed to another form of picture
reason-broken-pictures = its pictures are not what it promised
reason-too-large = it is too large
reason-other-pixels = its pixels are of another form
reason-lacks = it lacks { $what }
reason-no-numbers = it has no numbers left
fault-sound-file = The sound file { $file } cannot be used ({ $reason }). Choose another one.
fault-sound-codec = Sound cannot be encoded or decoded ({ $reason }). Start the app again.
fault-mic-not-found = No microphone was found. Plug in one; you are not heard until then.
fault-mic-busy = Another program is using the microphone. Close that program; you are not heard until then.
fault-mic-forbidden = Castle may not use the microphone. Allow it in the system's settings; you are not heard until then.
fault-mic-form = The microphone gives no sound in a form that Castle knows. Choose another one in the system's settings; you are not heard until then.
fault-mic-exhausted = This computer has no memory left for the microphone. Close other programs; you are not heard until then.
fault-mic-changed = The system is setting up the microphone anew. Castle opens it again by itself; you are not heard until then.
fault-mic-refused = The sound system of this computer does not give out the microphone. Unplug it and plug it in again, or choose another one in the system's settings; you are not heard until then.
fault-mic-gone = The microphone was disconnected. Plug it in again; you are not heard until then.
fault-mic-starved = The microphone has stopped working. Unplug it and plug it in again; you are not heard until then.
fault-mic-silent = The microphone does not answer. Unplug it and plug it in again; you are not heard until then.
fault-mic-stood-in = The microphone that you chose gives no sound, and the system's own is used meanwhile. Choose another one in the settings.
fault-speaker-not-found = No speaker was found. Plug in one, or headphones; you hear nothing until then.
fault-speaker-busy = Another program is using the speaker. Close that program; you hear nothing until then.
fault-speaker-forbidden = Castle may not use the speaker. Allow it in the system's settings; you hear nothing until then.
fault-speaker-form = The speaker takes no sound in a form that Castle knows. Choose another one in the system's settings; you hear nothing until then.
fault-speaker-exhausted = This computer has no memory left for the speaker. Close other programs; you hear nothing until then.
fault-speaker-changed = The system is setting up the speaker anew. Castle opens it again by itself; you hear nothing until then.
fault-speaker-refused = The sound system of this computer does not give out the speaker. Unplug it and plug it in again, or choose another one in the system's settings; you hear nothing until then.
fault-speaker-gone = The speaker was disconnected. Plug it in again; you hear nothing until then.
fault-speaker-starved = The speaker has stopped working. Unplug it and plug it in again; you hear nothing until then.
fault-speaker-silent = The speaker does not answer. Unplug it and plug it in again; you hear nothing until then.
fault-speaker-stood-in = The speaker that you chose plays nothing, and the system's own is used meanwhile. Choose another one in the settings.

# When a screen breaks
broken-title = This screen broke
broken-explained = Your session and a call that is on go on. What happened is in the log; please save the diagnostics for your host.
broken-again = Go on

# What "Check my connection" looks at
check-server = Server
check-server-fails = The server does not answer as it should. Check your network; if others cannot log in either, tell your host.
check-certificate = Certificate of the server
check-certificate-fails = The certificate of the server has expired, or soon will. Tell your host.
check-clock = Clock
check-clock-fails = The clocks of this computer and of the server differ. Let this computer set its clock by the network; if that does not help, tell your host.
check-stun = Direct calls over { $protocol }
check-stun-fails = { $protocol } does not get through from here. Use another network, or let it through your firewall; calls that need it are relayed.
check-relay = Relay over { $protocol }
check-relay-fails = The relay cannot be used over { $protocol } from here. Use another network, or let it through your firewall; if every way fails, tell your host.
check-any-relay = Relay
check-any-relay-fails = The server names no relay, so behind strict firewalls calls will not get through. Tell your host.
check-ports = Ports of the relay
check-ports-fails = The ports that the relay opens cannot be reached from outside. Tell your host.
check-rate = Speed of the relay over { $protocol }
check-rate-fails = The way to the relay is too slow or too busy for video. Use a cable, and close what else uses the network.
check-other-fails = Save the diagnostics, and show them to your host.
