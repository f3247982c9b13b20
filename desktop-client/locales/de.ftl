# Sätze und Wörter des Fensters und der Engine, auf Deutsch. Die Schlüssel sind in jeder Datei dieselben.

# App and window
app = Castle
window-in-call = { $peer } – Castle
window-ringing = { $peer } ruft Sie an
window-no-display = Castle hat keinen Bildschirm für sein Fenster gefunden. Starten Sie es in einer grafischen Sitzung, oder nehmen Sie `castle-desktop bot`, wo es keinen Bildschirm gibt.
window-no-opengl = Castle konnte OpenGL nicht starten, womit es zeichnet. Installieren oder erneuern Sie den Grafiktreiber (Debian und Ubuntu: libegl1 libgl1-mesa-dri), oder versuchen Sie es mit LIBGL_ALWAYS_SOFTWARE=1.
start-misconfigured = Castle wurde mit etwas gestartet, das es nicht versteht: einer Option, einer Datei oder einer Einstellung der Umgebung. In einem Terminal gestartet sagt es, womit.
window-not-opened = Castle konnte sein Fenster nicht öffnen.
start-deaf = Castle läuft schon, antwortet aber nicht. Beenden Sie es in der Programmliste Ihres Systems und starten Sie es neu.
cancel = Abbrechen
copy = Kopieren
card-close = Schließen
page-back = Zurück
list-unanswered = Der Server hat nicht geantwortet.
list-again = Noch einmal versuchen

# Login
login-intro = Private Videogespräche, von Gast zu Gast.
login-mode-log-in = Ich habe ein Konto
login-mode-register = Ich habe eine Einladung
login-mode-reset = Ich habe mein Passwort vergessen
login-server = Adresse des Servers
login-server-or-link = Adresse des Servers oder Einladungslink
login-server-hint = https://castle.example:50051
login-invitation = Einladungscode
login-code = Einmalcode von Ihrem Gastgeber
login-name = Name
login-password = Passwort
login-code-in-link = Der Einladungscode steht im Link.
login-show-password = Passwort zeigen
login-remember = Auf diesem Gerät angemeldet bleiben
login-log-in = Anmelden
login-register = Mit Einladung beitreten
login-reset = Passwort setzen und anmelden
login-reset-explained = Bitten Sie Ihren Gastgeber um einen Einmalcode; er gilt 24 Stunden. Damit wählen Sie ein neues Passwort, und Ihre anderen Geräte werden abgemeldet.
login-busy = Wird verbunden …
login-cancel = Anmeldung abbrechen
login-known = Willkommen zurück
login-continue = Weiter als { $name }
login-continue-at = Weiter als { $name } auf { $server }
login-forget = { $name } auf { $server } vergessen
login-other-server = Anderer Server oder Name …
login-others = Server, die Sie kennen
login-as = Anmelden als { $name }
login-as-at = Anmelden als { $name } auf { $server }
login-need-server = Geben Sie die Adresse ein, die Sie bekommen haben.
login-need-link = Geben Sie die Adresse des Servers ein oder fügen Sie den Einladungslink ein.
login-need-invitation = Geben Sie den Code Ihrer Einladung ein oder fügen Sie oben den Link ein.
login-need-name = Geben Sie Ihren Namen ein.
login-need-password = Geben Sie Ihr Passwort ein.
login-need-new-password = Wählen Sie ein Passwort.
login-need-code = Geben Sie den Code ein, den Sie von Ihrem Gastgeber haben.
password-again = Neues Passwort wiederholen
password-differs = Die beiden neuen Passwörter sind verschieden.
login-link-needs-invitation = Das ist ein Einladungslink. Wählen Sie „Ich habe eine Einladung“.
join-title = Zu { $host } gehen?
join-explained = Sie werden hier abgemeldet, und ein laufendes Gespräch endet. Danach können Sie sich dort mit der Einladung registrieren.
join-do = Abmelden und hingehen
join-explained-kept = Sie verlassen diesen Server und bleiben hier angemeldet: Ein Klick bringt Sie zurück. Ein laufendes Gespräch endet. Danach können Sie sich dort mit der Einladung registrieren.
join-do-kept = Verlassen und hingehen

# Great Hall
hall = Große Halle
hall-find = Jemanden finden
hall-find-tip = Mit der nächsten Person verbunden werden, die auch sucht
hall-next-free = Nächsten Freien anrufen
hall-next-free-tip = Den Gast anrufen, der am längsten frei ist
hall-interests = Interessen …
hall-looks-for = Gesucht wird: { $list }
hall-search = Gäste suchen
hall-count = { $all ->
    [one] { $all } Gast
   *[other] { $all } Gäste
}, { $free } frei
hall-count-all = { $all ->
    [one] { $all } Gast
   *[other] { $all } Gäste
}
hall-empty = Noch ist niemand sonst hier
hall-empty-more = Gäste erscheinen, sobald sie hereinkommen. „Jemanden finden“ wartet für Sie auf den Nächsten.
hall-no-hit = Kein Gast dieses Namens ist hier.
hall-more = Mehr Gäste zeigen
hall-another-server = Anderer Server
hall-another-server-tip = Zu einem anderen Server gehen. Hier bleiben Sie angemeldet: Ein Klick bringt Sie zurück
hall-log-out = Abmelden
hall-call = Anrufen
hall-call-name = { $name } anrufen
hall-menu-of = Mehr zu { $name }
hall-shown-as = Sichtbar als
availability-available = Erreichbar
availability-in-call = Im Gespräch
availability-do-not-disturb = Bitte nicht stören
availability-invisible = Unsichtbar

# About other guests
guest-report = Melden …
guest-block = Blockieren …
report-title = { $name } melden
report-explained = Ihr Gastgeber liest diese Meldung. Der andere Gast erfährt nichts davon.
report-harassment = Beleidigung oder Drohung
report-sexual = Unerwünschte Nacktheit oder Sex
report-violence = Hass oder Gewalt
report-spam = Werbung oder Betrug
report-impersonation = Gibt sich als jemand anders aus
report-underage = Zu jung für diesen Ort
report-other = Etwas anderes
report-words = In Ihren Worten
report-block-too = Diesen Gast auch blockieren
report-send = Meldung senden
report-lost = Die Meldung kam nicht an. Was Sie geschrieben haben, steht noch hier: Senden Sie es gleich noch einmal.
block-title = { $name } blockieren?
block-explained = Sie sehen und hören einander nicht mehr, und ein Gespräch miteinander endet. In den Einstellungen nehmen Sie es zurück.
block-do = Blockieren
blocked = Blockierte Gäste
blocked-loading = Der Server wird gefragt …
blocked-nobody = Sie haben niemanden blockiert.
blocked-unblock = Freigeben
blocked-unblock-name = { $name } freigeben

# Finding somebody
search-title = Jemand wird gesucht
search-stop = Suche beenden
search-asking = Der Server wird gefragt …
search-alone = Nur Sie suchen gerade. Sobald noch jemand sucht, werden Sie verbunden.
search-next = Sie sind als Nächstes dran. { $waiting } suchen.
search-position = Sie sind Nummer { $position } von { $waiting }, die suchen.
search-place = Sie sind Nummer { $position } in der Reihe.
search-wait = bisher { $time }
search-wait-usually = bisher { $time }, meist etwa { $usual }
time-seconds = { $count ->
    [one] eine Sekunde
   *[other] { $count } Sekunden
}
time-minutes = { $count ->
    [one] eine Minute
   *[other] { $count } Minuten
}
interests = Interessen und Sprachen
interests-explained = Wer das meiste davon mit Ihnen teilt, wird zuerst gefunden. Nach einer Weile passt jeder.
interests-tags-title = Interessen
interests-tags = Interessen, durch Kommas getrennt, höchstens 8
interests-tags-hint = Schach, Garten
interests-languages = Sprachen, die Sie sprechen
interests-add-language = Sprache hinzufügen …
interests-remove = { $name } entfernen

# A call
call-accept = Annehmen
call-accept-without-camera = Ohne Kamera
call-decline = Ablehnen
call-cancel = Abbrechen
call-hang-up = Auflegen
call-next = Nächster
call-mute = Stumm
call-unmute = Ton an
call-camera-off = Kamera aus
call-camera-on = Kamera an
call-more = Mehr
call-full-screen = Vollbild
call-pip = Bild im Bild
call-devices = Kamera und Ton …
share = Bildschirm teilen
share-short = Teilen
share-stop = Nicht mehr teilen
share-what = Was möchten Sie teilen?
share-explained = Ihr Gegenüber sieht es, wie es ist, mit allem, was darauf erscheint, bis Sie aufhören.
share-looking = Bildschirme und Fenster werden gesucht …
share-whole = Der ganze Bildschirm
share-display = Bildschirm { $name }
share-window = { $name }
share-of = Bildschirm von { $peer }
call-calls-you = ruft Sie an
call-placing = Anruf wird aufgebaut …
call-placing-next-free = Wer gerade frei ist
call-ringing = Es klingelt …
call-connecting = Bild und Ton werden verbunden …
call-waiting-picture = Warten auf das Bild …
call-sound-alone = Dieses Gespräch hat nur Ton
call-peer-camera-off = Kamera ist aus
call-peer-muted = Stumm
call-peer-reconnecting = { $peer } hat die Verbindung verloren und kommt zurück …
call-path-lost = Verbindung unterbrochen. Ein neuer Weg wird gesucht …
call-frozen-short = Steht still
call-picture-of = Bild von { $peer }
call-frozen = { $peer }, Bild steht seit { $seconds ->
    [one] einer Sekunde
   *[other] { $seconds } Sekunden
}
own-picture = Ihr Bild
own-camera-off = Ihre Kamera ist aus
own-camera-lost = Keine Kamera
own-camera-starts = Kamera startet …
own-muted = Sie sind stumm
chat = Chat
chat-close = Chat schließen
chat-copy = Alles kopieren
chat-empty = Was Sie hier schreiben, ist wie Bild und Ton Ende-zu-Ende-verschlüsselt und mit dem Gespräch weg.
chat-words = Nachricht schreiben
chat-send = Senden
chat-you = Sie
chat-they = Gegenüber
chat-not-delivered = Noch nicht angekommen
chat-count = Chat ({ $count })
chat-unread = { $count ->
    [one] Chat, eine ungelesene Nachricht
   *[other] Chat, { $count } ungelesene Nachrichten
}
safety = Sicherheitswörter
safety-explained = Lesen Sie einander diese Wörter vor. Sind sie an beiden Enden gleich, ist niemand zwischen Ihnen.
safety-pending = Die beiden Programme handeln die Wörter noch aus.
safety-unsupported = Die Gegenstelle kennt keine Sicherheitswörter.
safety-same = Sie sind gleich
safety-differ = Sie sind verschieden: beenden
safety-device-first = Noch kein Gerät dieses Gastes war Ihnen bekannt.
safety-device-new = Dieser Gast nutzt ein für Sie neues Gerät.
safety-device-seen = Dieses Gerät kennen Sie aus einem früheren Gespräch.
safety-device-verified = Mit diesem Gerät wurden die Wörter verglichen.
quality-good = Gute Verbindung
quality-fair = Mäßige Verbindung
quality-poor = Schlechte Verbindung
stats = Statistik
stats-most = Spitze { $value }
stats-received = Empfangen
stats-sent = Gesendet
stats-loss = Verloren
stats-lost-there = Am anderen Ende verloren
stats-rtt = Hin und zurück
stats-glass = Von Kamera zu Bildschirm
stats-line-rtt = { $ms } ms hin und zurück
stats-line-glass = { $ms } ms Kamera bis Bildschirm
stats-line-loss = { $percent } % verloren
unit-ms = { $count } ms
unit-fps = { $count } Bilder/s
unit-mbps = { $count } Mbit/s
unit-kbps = { $count } kbit/s
unit-percent = { $share } %
route-host = Direkt, gleiches Netz
route-direct = Direkt
route-relay = Über den Server vermittelt
route-asked-for = Vermittelt: Sie wollten es so
route-private = Vermittelt: Wer sich durch Suche findet, erfährt die Adresse des anderen nicht
route-udp-blocked = Vermittelt: UDP ist gesperrt
route-no-direct-way = Vermittelt: Die beiden Netze lassen keine direkte Verbindung durch

# After a call
ended-declined = { $peer } kann gerade nicht annehmen
ended-you-declined = Sie haben den Anruf abgelehnt
ended-gave-up = { $peer } hat angerufen und aufgelegt
ended-missed = Sie haben einen Anruf von { $peer } verpasst
ended-busy = { $peer } ist in einem anderen Gespräch
ended-cancelled = Der Anruf wurde abgebrochen
ended-timed-out = Niemand hat abgenommen
ended-hung-up = Sie haben aufgelegt
ended-peer-hung-up = { $peer } hat aufgelegt
ended-disconnected = { $peer } ist nicht mehr verbunden
ended-failed = Bild und Ton kamen nicht durch
ended-broke = Die Verbindung brach ab
ended-answered-elsewhere = Auf einem anderen Gerät angenommen
ended-superseded = Ein anderer Anruf trat an seine Stelle
ended-shutting-down = Der Server wird heruntergefahren
ended-forgotten = Der Anruf ging mit der Verbindung zum Server verloren
ended-try-later = Versuchen Sie es später wieder.
ended-try-when-free = Versuchen Sie es, wenn die Halle sie als erreichbar zeigt.
ended-try-when-back = Rufen Sie wieder an, wenn die Halle sie als erreichbar zeigt.
ended-check-network = Prüfen Sie, ob Ihr Netz Gespräche durchlässt, und rufen Sie wieder an.
ended-call-back = Rufen Sie wieder an. Bricht sie noch einmal ab, prüfen Sie Ihre Verbindung.
ended-comes-back = Sobald er zurück ist, werden Sie automatisch wieder angemeldet.
ended-again = Rufen Sie noch einmal an.
ended-lasted = Das Gespräch dauerte { $time }.
ended-rate = Wie war das Gespräch?
ended-rated = Danke. Das bleibt auf Ihrem Rechner.
ended-stars = { $count ->
    [one] Ein Stern
   *[other] { $count } Sterne
}
ended-find-another = Jemand anderen finden
ended-call-again = Noch einmal anrufen
ended-back = Zurück zur Halle
quit-title = Gespräch mit { $peer } verlassen?
quit-explained = Mit dem Fenster endet auch das Gespräch.
quit-do = Auflegen und beenden
quit-stay = Bleiben

# Calls of the past
history = Gespräche
history-missed = Gespräche, { $count } verpasst
history-loading = Der Server wird gefragt …
history-empty = Sie hatten noch keine Gespräche.
history-more = Ältere Gespräche zeigen
history-erase-ask = Alle löschen …
history-erase-title = Alle Gespräche löschen?
history-erase-explained = Ihre Seite aller Gespräche wird auf dem Server gelöscht. Das lässt sich nicht zurücknehmen.
history-erase = Alle löschen
history-erased-guest = Ein Gast, der gegangen ist
history-matched = durch Suche gefunden
history-way-in = Eingehend
history-way-out = Ausgehend
history-way-missed = Verpasst
ago-now = gerade eben
ago-minutes = { $count ->
    [one] vor einer Minute
   *[other] vor { $count } Minuten
}
ago-hours = { $count ->
    [one] vor einer Stunde
   *[other] vor { $count } Stunden
}
ago-days = { $count ->
    [one] gestern
   *[other] vor { $count } Tagen
}
date = { $day }. { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
} { $year }

# Camera and sound
tryout = Kamera und Ton
tryout-mic-explained = Sagen Sie etwas. Der Balken bewegt sich, wenn Sie zu hören sind.
tryout-level = Mikrofonpegel
tryout-speaker-test = Testton abspielen
tryout-speaker-plays = Spielt …

# Settings
settings = Einstellungen
settings-looks = Aussehen
settings-theme = Farben
settings-theme-system = Wie das System
settings-theme-light = Hell
settings-theme-dark = Dunkel
settings-language = Sprache
settings-language-system = System
settings-zoom = Größe
settings-devices = Geräte
settings-camera = Kamera
settings-mic = Mikrofon
settings-speaker = Lautsprecher
devices-done = Fertig
settings-first-camera = Die erste Kamera, sonst das Testbild
settings-test-picture = Testbild
settings-system-device = Systemstandard
settings-sound = Ton
settings-echo = Echo unterdrücken
settings-noise = Hintergrundgeräusche unterdrücken
settings-gain = Mikrofonlautstärke automatisch anpassen
settings-push-to-talk = Nur sprechen, solange die Leertaste gehalten wird
settings-quality = Bild und Netz
settings-quality-cap = Bildqualität
settings-quality-best = Beste
settings-quality-medium = Mittel
settings-quality-saving = Daten sparen
settings-relay-only = Alle Gespräche über den Server vermitteln
settings-relay-only-explained = Dann erfährt niemand Ihre Netzadresse. Gespräche können etwas träger sein.
settings-notifications = Benachrichtigungen
settings-notify = Über Anrufe informieren, wenn das Fenster nicht vorn ist
settings-ring = Klingelton abspielen
settings-people = Menschen
settings-account = Konto
settings-account-explained = Ihr Name, Ihre Geräte, Ihr Passwort, und was der Server über Sie speichert.
settings-old-password = Aktuelles Passwort
settings-new-password = Neues Passwort
settings-change-password = Passwort ändern

# My account
account = Ihr Konto
account-name = Ihr Name
account-name-shown = Was andere sehen
account-name-login = Sie melden sich weiterhin als { $name } an.
account-name-save = Namen ändern
account-devices = Ihre Geräte
account-devices-explained = Auf diesen Geräten sind Sie angemeldet. Melden Sie ab, was Sie nicht mehr benutzen oder nicht kennen.
account-devices-loading = Der Server wird gefragt …
account-device-this = Dieses Gerät
account-device-unnamed = Gerät ohne Namen
account-device-used = Zuletzt benutzt: { $when }
account-log-out = Abmelden
account-log-out-name = { $name } abmelden
account-data = Ihre Daten
account-data-explained = Schreibt alles, was der Server über Sie speichert, in eine Datei: Name, Geräte, blockierte Gäste, Meldungen und Gespräche.
account-data-file = Datei
account-data-save = Meine Daten sichern
account-erase = Konto löschen
account-erase-told = Löscht Ihr Konto vom Server. Es kommt nicht wieder.
account-erase-ask = Mein Konto löschen …
account-erase-title = Ihr Konto löschen?
account-erase-explained = Name, Passwort, Geräte, blockierte Gäste und Gespräche werden sofort vom Server gelöscht, und ein laufendes Gespräch endet. In den Listen anderer bleiben Ihre Gespräche ohne Ihren Namen; Ihre Meldungen bleiben beim Gastgeber. Andere können Ihren Anmeldenamen nehmen.
account-erase-do = Endgültig löschen
account-busy = Einen Moment …
crowded = Zu viele Geräte

# Help
help = Hilfe
help-checkup-explained = Sieht alles zwischen hier und einem Gespräch an und sagt, was zu ändern ist.
help-shortcuts = Tastenkürzel
help-diagnostics = Diagnose
help-diagnostics-explained = Schreibt Versionen, Einstellungen und was zuletzt geschah in eine Datei, die Sie Ihrem Gastgeber senden können. Passwörter stehen nicht darin.
help-diagnostics-file = Datei
help-diagnostics-names = Mit Namen und Adressen
help-diagnostics-save = Diagnose speichern
keys-search = In der Halle suchen
keys-escape = Zurück, ablehnen, abbrechen
keys-mute = Stumm oder Ton an
keys-camera = Kamera an oder aus
keys-share = Bildschirm teilen oder aufhören
keys-talk = Sprechen, solange gehalten, falls so eingestellt
keys-next = Nächste Person
keys-tab = Von Feld zu Feld; Pfeile verschieben Ihr Bild
keys-in-hall = In der Halle und wenn es klingelt
keys-anywhere = Auf jeder Seite
keys-in-call = Im Gespräch
key-ctrl = Strg
key-cmd = Cmd
key-shift = Umschalt
key-enter = Eingabe
key-space = Leertaste
key-esc = Esc
key-tab = Tab
about = Über
about-version = Castle { $version }
about-explained = Private Videogespräche zu zweit auf dem eigenen Server. Bild, Ton und Chat sind Ende-zu-Ende-verschlüsselt.
about-licence = Freie Software unter der MIT- oder der Apache-2.0-Lizenz, nach Ihrer Wahl.
about-server = Angemeldet bei { $server }
checkup = Meine Verbindung prüfen
checkup-close = Schließen
checkup-looking = Alles zwischen hier und einem Gespräch wird angesehen …
checkup-well = Alles in Ordnung: Gespräche kommen von hier durch.
checkup-failed = { $count ->
    [one] Eines geht nicht.
   *[other] { $count } Dinge gehen nicht.
}
checkup-fine = Gut
checkup-wrong = Geht nicht
checkup-skipped = Nicht geprüft

# Notices
notices-dismiss = Ausblenden
notices-use = Benutzen
notices-more = { $count ->
    [one] Noch ein Hinweis
   *[other] Noch { $count } Hinweise
}
notices-overloaded = Die App ist sehr beschäftigt, und das wurde nicht getan. Bitte versuchen Sie es noch einmal.
notices-reconnecting = Verbindung zum Server verloren. Sie wird neu aufgebaut …

# What went wrong
error-bad-address = Das ist keine Serveradresse. Sie sieht aus wie https://castle.example:50051 oder ist der Link von Ihrem Gastgeber.
error-bad-pin = Der Fingerabdruck ist nicht vollständig: Er ist sha256: und danach 64 Ziffern. Kopieren Sie ihn noch einmal oder bitten Sie um den Link.
error-no-tls = Was dort antwortet, verschlüsselt die Verbindung nicht. Prüfen Sie den Port oder bitten Sie um den Link.
error-unknown-host = Diesen Server gibt es nicht. Prüfen Sie die Adresse auf Tippfehler, und ob Sie online sind.
error-connection-refused = Der Rechner ist da, aber kein Castle-Server antwortet. Prüfen Sie den Port oder fragen Sie, ob der Server läuft.
error-timeout = Der Server hat nicht rechtzeitig geantwortet. Prüfen Sie Ihr Netz und versuchen Sie es wieder.
error-unreachable = Die Verbindung zum Server ist abgerissen. Prüfen Sie Ihr Netz und versuchen Sie es wieder.
error-not-castle = Dort antwortet etwas, aber kein Castle-Server. Prüfen Sie Adresse und Port.
error-protocol = Der Server sagte etwas, das diese App nicht versteht. App und Server sind vielleicht verschiedener Version: Fragen Sie, welche Sie nehmen sollen.
error-code-refused = Name und Code passen nicht zusammen, oder der Code wurde schon benutzt oder ist älter als 24 Stunden. Prüfen Sie beide oder bitten Sie Ihren Gastgeber um einen neuen Code.
error-code-spent = Mit diesem Code wurde eben ein Passwort gesetzt. Melden Sie sich damit an oder bitten Sie Ihren Gastgeber um einen neuen Code.
error-keyring-closed = Der Schlüsselbund dieses Rechners ging nicht auf. Öffnen Sie ihn und versuchen Sie es noch einmal, oder melden Sie sich mit Ihrem Passwort an.
error-no-key = Auf diesem Rechner wurde kein Schlüssel zu dieser Anmeldung gefunden. Hat er einen Schlüsselbund, der gesperrt ist, öffnen Sie diesen und versuchen Sie es noch einmal; sonst melden Sie sich mit Ihrem Passwort an.
error-invitation-unknown = Der Server kennt diese Einladung nicht. Prüfen Sie den Code oder bitten Sie um eine neue.
error-invitation-expired = Diese Einladung ist zu alt. Bitten Sie um eine neue.
error-invitation-spent = Diese Einladung wurde schon benutzt. Bitten Sie um eine neue.
error-name-taken = Diesen Namen hat schon jemand. Wählen Sie einen anderen, oder melden Sie sich an, wenn es Ihrer ist.
error-bad-credentials = Name und Passwort passen nicht zusammen. Prüfen Sie beide und versuchen Sie es wieder.
error-login-over = Ihre Anmeldung ist zu Ende. Bitte melden Sie sich wieder an.
error-refresh-reused = Ihre Anmeldung wurde an zwei Orten zugleich benutzt und zur Sicherheit beendet. Bitte melden Sie sich wieder an.
error-superseded = Diese Sitzung hat eine andere Ihrer Verbindungen übernommen.
error-session-limit = Sie sind auf zu vielen Geräten zugleich in der Halle. Melden Sie eines ab, hier oder auf einem anderen Gerät unter „Einstellungen“ und „Ihr Konto“; dann kommen Sie hinein.
error-call-over = Dieses Gespräch ist vorbei.
error-wrong-state = Das geht an dieser Stelle des Gesprächs nicht.
error-already-in-call = Sie sind schon in einem Gespräch. Beenden Sie es zuerst.
error-peer-unavailable = Dieser Gast ist jetzt nicht zu erreichen. Versuchen Sie es später wieder.
error-nobody-available = Gerade ist niemand frei. Versuchen Sie es gleich noch einmal.
error-ring-limit = Sie haben diesen Gast mehrmals ohne Antwort angerufen. Warten Sie zehn Minuten.
error-already-queued = Sie suchen bereits jemanden.
error-queue-full = Gerade suchen zu viele. Versuchen Sie es gleich noch einmal.
error-invitation-revoked = Der Gastgeber hat diese Einladung zurückgenommen. Bitten Sie um eine andere.
error-invitation-required = Hier brauchen Sie eine Einladung. Bitten Sie den Gastgeber um eine.
error-banned = Der Gastgeber hat dieses Konto gesperrt. Fragen Sie Ihren Gastgeber.
error-login-ended = Sie wurden abgemeldet. Melden Sie sich wieder an.
error-guest-unknown = Diesen Gast gibt es nicht mehr.
error-device-unknown = Dieses Gerät ist schon abgemeldet.
error-report-unknown = Diese Meldung gibt es nicht.
error-last-admin = Die Halle braucht einen Admin: Machen Sie zuerst jemand anderen dazu.
error-deadline = Der Server brauchte zu lange. Versuchen Sie es noch einmal.
error-permission = Ihr Konto darf das nicht. Fragen Sie Ihren Gastgeber.
error-version = App und Server sind verschiedener Version. Fragen Sie, welche Version der App Sie nehmen sollen.
error-reconnects = Die Verbindung zum Server ging verloren und wird neu aufgebaut.
error-too-much = Das ist mehr, als der Server annimmt. Versuchen Sie es mit weniger.
error-certificate-expired = Das Zertifikat dieses Servers ist abgelaufen, oder die Uhr dieses Rechners geht falsch. Prüfen Sie die Uhr und sagen Sie es Ihrem Gastgeber.
error-certificate-other-name = Das Zertifikat dieses Servers gehört zu einem anderen Namen. Prüfen Sie die Adresse oder bitten Sie um den Link.
error-field-name = Dieser Name geht nicht. Namen haben 3 bis 32 Buchstaben, Ziffern, Punkte, Striche oder Unterstriche.
error-field-password = Dieses Passwort geht nicht. Es braucht mindestens 8 Zeichen und darf kein gängiges sein.
error-field-display-name = Dieser Name kann nicht gezeigt werden. Er darf bis zu 64 Zeichen haben, die alle zu sehen sind.
error-field-invitation = Das ist kein Einladungscode. Prüfen Sie ihn oder bitten Sie um einen neuen.
error-field-tags = Höchstens 8 Interessen mit je höchstens 32 Zeichen.
error-field-other = Der Server nahm eine der Angaben nicht an. Prüfen Sie sie und versuchen Sie es wieder.
error-try-again-in = Versuchen Sie es in { $time } wieder.
error-rate-limited = Das war zu oft in kurzer Zeit.
error-draining = Der Server wird neu gestartet.
error-internal = Auf dem Server ging etwas schief.
error-log-id = Nennen Sie Ihrem Gastgeber diese Nummer: { $id }.
error-certificate-unknown = Niemand, dem dieser Rechner vertraut, bürgt für diesen Server. Sein Zertifikat ist { $shown }. Bestätigt Ihr Gastgeber genau das, öffnen Sie seinen Link, oder schreiben Sie ?pin={ $shown } hinter die Adresse.
error-certificate-changed = Dieser Server zeigt ein anderes Zertifikat als das, dem Sie vertrauen: { $shown }. Vielleicht steht jemand dazwischen. Machen Sie nur mit einem neuen Link weiter.

# What the engine tells
told-reported = Danke. Ihr Gastgeber wird die Meldung lesen.
told-blocked = Sie sehen und hören einander nicht mehr. In den Einstellungen nehmen Sie es zurück.
told-password-changed = Ihr Passwort ist geändert. Ihre anderen Geräte sind abgemeldet.
told-wrong-password = Das ist nicht Ihr Passwort, und es wurde nichts geändert. Geben Sie es noch einmal ein.
told-renamed = Sie werden jetzt als { $name } gezeigt.
told-exported = Was der Server über Sie speichert, liegt jetzt in { $file }.
told-not-exported = Was der Server über Sie speichert, konnte nicht in { $file } geschrieben werden. Wählen Sie einen anderen Ort.
told-erased = Ihr Konto ist gelöscht, und Sie sind überall abgemeldet.
told-not-remembered = Diese Anmeldung konnte nicht gemerkt werden: Weder ein Schlüsselbund noch ein Ordner nimmt ihren Schlüssel.
told-key-in-file = Der Schlüsselbund dieses Rechners nimmt den Schlüssel zu Ihrer Anmeldung nicht an. Er liegt in einer Datei, die nur Sie lesen können.
told-settings-damaged = Eine Datei Ihrer Einstellungen war beschädigt. Sie liegt jetzt als { $name } daneben, und die App hat mit neuen Einstellungen begonnen.
told-settings-stuck = Eine Datei Ihrer Einstellungen ist beschädigt und lässt sich nicht beiseitelegen. Die App hat mit neuen Einstellungen begonnen.
told-settings-newer = Ihre Einstellungen stammen von einer neueren Version der App. Sie bleiben, wie sie sind; was Sie jetzt ändern, wird nicht behalten.
told-servers-damaged = Die Liste Ihrer Server war beschädigt. Sie liegt jetzt als { $name } daneben. Melden Sie sich neu an, dann wird Ihr Server wieder gemerkt.
told-servers-stuck = Die Liste Ihrer Server ist beschädigt und lässt sich nicht beiseitelegen. Melden Sie sich neu an; kommt das beim nächsten Start wieder, löschen Sie servers.json im Ordner Ihrer Einstellungen.
told-servers-newer = Die Liste Ihrer Server stammt von einer neueren Version der App. Sie bleibt, wie sie ist; neue Anmeldungen werden nicht gemerkt.
told-keys-damaged = Die Datei mit den Schlüsseln zu Ihren Anmeldungen war beschädigt. Sie liegt jetzt als { $name } daneben. Melden Sie sich mit Ihrem Passwort an, dann bleiben Sie wieder angemeldet.
told-keys-stuck = Die Datei mit den Schlüsseln zu Ihren Anmeldungen ist beschädigt und lässt sich nicht beiseitelegen. Melden Sie sich mit Ihrem Passwort an; kommt das beim nächsten Start wieder, löschen Sie logins.json im Ordner Ihrer Einstellungen.
told-keys-newer = Die Schlüssel zu Ihren Anmeldungen stammen von einer neueren Version der App. Sie bleiben, wie sie sind; melden Sie sich mit Ihrem Passwort an, oder nehmen Sie die neuere Version.
told-not-saved = Was Sie einstellen und wo Sie sich anmelden, lässt sich nicht in { $folder } sichern. Schaffen Sie dort Platz oder erlauben Sie Castle, dort zu schreiben; es versucht es von selbst wieder.
told-screen-refused = Ihr Gegenüber kann keinen geteilten Bildschirm zeigen.
told-screen-too-large = Die andere Seite teilt einen Bildschirm von { $width } × { $height }. Das ist größer, als diese App zeigt. Bitten Sie darum, stattdessen ein Fenster zu teilen.
told-chat-too-long = Das ist zu lang für eine Zeile im Chat. Schicken Sie es in mehreren.
told-chat-too-many = Die andere Seite nimmt gerade keine Zeilen mehr an. Warten Sie, bis die früheren angekommen sind.
told-pictures-too-large = Die andere Seite schickt Bilder von { $width } × { $height }. Das ist größer, als diese App zeigt. Bitten Sie um eine kleinere Größe.
told-not-placed = Der Anruf kam nicht zustande, weil die Verbindung abriss. Bitte rufen Sie noch einmal an.
told-no-call-yet = Solange die Verbindung zum Server fehlt, kann niemand angerufen werden. Sie wird von selbst neu aufgebaut.
told-broke = In der App ist etwas kaputtgegangen. Fehlt Bild oder Ton, rufen Sie noch einmal an; bitte speichern Sie die Diagnose für Ihren Gastgeber.
told-man-in-the-middle = Das Gespräch wurde beendet: Vielleicht steht jemand zwischen Ihnen und der anderen Seite. Sagen Sie es Ihrem Gastgeber und nichts Privates, bis klar ist, wer das ist.
told-camera-gone = Die Kamera „{ $name }“ ist weg. Bis sie wiederkommt, wird eine andere benutzt.
told-camera-gone-last = Die Kamera „{ $name }“ ist weg, und es gibt keine andere. Stecken Sie sie wieder an.
told-camera-back = Die Kamera „{ $name }“ ist wieder da und in Gebrauch.
told-camera-used = Die Kamera „{ $name }“ ist jetzt in Gebrauch.
told-camera-new = Es gibt eine neue Kamera: „{ $name }“.
told-mic-gone = Das Mikrofon „{ $name }“ ist weg. Bis es wiederkommt, wird ein anderes benutzt.
told-mic-gone-preferred = Das Mikrofon „{ $name }“ ist weg. Jetzt wird das benutzt, das das System vorzieht.
told-mic-gone-last = Das Mikrofon „{ $name }“ ist weg, und es gibt kein anderes. Stecken Sie es wieder an; bis dahin sind Sie nicht zu hören.
told-mic-back = Das Mikrofon „{ $name }“ ist wieder da und in Gebrauch.
told-mic-new = Es gibt ein neues Mikrofon: „{ $name }“.
told-speaker-gone = Der Lautsprecher „{ $name }“ ist weg. Bis er wiederkommt, wird ein anderer benutzt.
told-speaker-gone-preferred = Der Lautsprecher „{ $name }“ ist weg. Jetzt wird der benutzt, den das System vorzieht.
told-speaker-gone-last = Der Lautsprecher „{ $name }“ ist weg, und es gibt keinen anderen. Stecken Sie ihn wieder an; bis dahin hören Sie nichts.
told-speaker-back = Der Lautsprecher „{ $name }“ ist wieder da und in Gebrauch.
told-speaker-new = Es gibt einen neuen Lautsprecher: „{ $name }“.
told-diagnostics-saved = Die Diagnose wurde als { $file } gespeichert.
told-diagnostics-not-saved = Die Diagnose konnte nicht als { $file } gespeichert werden. Wählen Sie einen anderen Ort.

# Notices of the system
system-ringing = { $peer } ruft an
system-missed = Verpasster Anruf von { $peer }
system-wrote = { $peer } hat Ihnen geschrieben
system-open = Öffnen

# Devices
fault-goes-on = Das Gespräch geht ohne sie weiter.
fault-no-camera = Es gibt keine Kamera. Bis eine angesteckt wird, ist ein Testbild zu sehen.
fault-no-pictures = Dieses Gespräch hat Ton und kein Bild: Das Programm am anderen Ende hat keine Bilder, die Castle versteht. Mit Castle oder einem aktuellen Browser dort sehen sich beide.
fault-screen-unsupported = Dieses System gibt Castle noch keinen Weg zum Bildschirm. Geteilt wird er unter X11.
fault-screen-wayland = In einer Wayland-Sitzung kann Castle den Bildschirm noch nicht teilen. Melden Sie sich dafür mit einer X11-Sitzung (Xorg) an.
fault-screen-none = Es gibt keinen Bildschirm, der geteilt werden könnte.
fault-screen-gone = Was Sie geteilt haben, ist nicht mehr da und wird nicht mehr geteilt.
fault-screen-system = Das Fenstersystem gibt Castle kein Bild ({ $reason }).
fault-camera-not-found = Es gibt keine Kamera { $camera }. Stecken Sie sie an oder wählen Sie eine andere.
fault-camera-busy = Ein anderes Programm benutzt die Kamera { $camera }. Schließen Sie es.
fault-camera-forbidden = Castle darf die Kamera { $camera } nicht benutzen. Erlauben Sie es in den Einstellungen des Systems.
fault-camera-unsupported = Die Kamera { $camera } gibt keine Bilder, die Castle versteht ({ $reason }). Wählen Sie eine andere.
fault-camera-gone = Die Kamera { $camera } wurde abgesteckt. Stecken Sie sie wieder an.
fault-camera-bus = Die Kamera { $camera } passt nicht neben andere Geräte am selben Hub. Stecken Sie sie an eine andere Buchse des Computers, oder ziehen Sie eine andere Kamera ab.
fault-camera-disturbed = Die Kamera { $camera } wird auf dem Weg zum Computer gestört. Versuchen Sie ein anderes Kabel oder eine andere Buchse.
fault-camera-memory = Für die Kamera { $camera } ist kein Speicher mehr frei. Schließen Sie andere Programme.
fault-camera-silent = Die Kamera { $camera } hat seit { $seconds ->
    [one] einer Sekunde
   *[other] { $seconds } Sekunden
} kein Bild geschickt. Stecken Sie sie ab und wieder an.
fault-camera-file = Das Video { $file } lässt sich nicht abspielen ({ $reason }). Wählen Sie ein anderes.
fault-camera-system = Die Kamera { $camera } geht nicht ({ $reason }). Stecken Sie sie ab und wieder an, oder wählen Sie eine andere.
reason-no-camera = es ist keine Kamera
reason-no-layout = sie bietet keine Bildform, die Castle liest
reason-refuses-layout = sie verweigert die Bildform, die sie anbietet
reason-system-error = Fehler { $code } des Systems
reason-other-layout = sie hat zu einer anderen Bildform gewechselt
reason-broken-pictures = ihre Bilder sind nicht, was sie versprochen hat
reason-too-large = es ist zu groß
reason-other-pixels = seine Bildpunkte haben eine andere Form
reason-lacks = ihm fehlt { $what }
reason-no-numbers = ihm sind die Nummern ausgegangen
fault-sound-file = Die Tondatei { $file } lässt sich nicht benutzen ({ $reason }). Wählen Sie eine andere.
fault-sound-codec = Ton lässt sich nicht kodieren oder dekodieren ({ $reason }). Starten Sie die App neu.
fault-mic-not-found = Es wurde kein Mikrofon gefunden. Stecken Sie eines an; bis dahin sind Sie nicht zu hören.
fault-mic-busy = Ein anderes Programm benutzt das Mikrofon. Schließen Sie es; bis dahin sind Sie nicht zu hören.
fault-mic-forbidden = Castle darf das Mikrofon nicht benutzen. Erlauben Sie es in den Einstellungen des Systems; bis dahin sind Sie nicht zu hören.
fault-mic-form = Das Mikrofon liefert keinen Ton in einer Form, die Castle kennt. Wählen Sie in den Einstellungen des Systems ein anderes; bis dahin sind Sie nicht zu hören.
fault-mic-exhausted = Diesem Computer fehlt Speicher für das Mikrofon. Schließen Sie andere Programme; bis dahin sind Sie nicht zu hören.
fault-mic-changed = Das System richtet das Mikrofon neu ein. Castle öffnet es von selbst wieder; bis dahin sind Sie nicht zu hören.
fault-mic-refused = Das Tonsystem dieses Computers gibt das Mikrofon nicht her. Stecken Sie es ab und wieder an, oder wählen Sie in den Einstellungen des Systems ein anderes; bis dahin sind Sie nicht zu hören.
fault-mic-gone = Das Mikrofon wurde abgesteckt. Stecken Sie es wieder an; bis dahin sind Sie nicht zu hören.
fault-mic-starved = Das Mikrofon arbeitet nicht mehr. Stecken Sie es ab und wieder an; bis dahin sind Sie nicht zu hören.
fault-mic-silent = Das Mikrofon antwortet nicht. Stecken Sie es ab und wieder an; bis dahin sind Sie nicht zu hören.
fault-mic-stood-in = Das gewählte Mikrofon gibt keinen Ton, solange wird das des Systems benutzt. Wählen Sie in den Einstellungen ein anderes.
fault-speaker-not-found = Es wurde kein Lautsprecher gefunden. Stecken Sie einen oder Kopfhörer an; bis dahin hören Sie nichts.
fault-speaker-busy = Ein anderes Programm benutzt den Lautsprecher. Schließen Sie es; bis dahin hören Sie nichts.
fault-speaker-forbidden = Castle darf den Lautsprecher nicht benutzen. Erlauben Sie es in den Einstellungen des Systems; bis dahin hören Sie nichts.
fault-speaker-form = Der Lautsprecher nimmt keinen Ton in einer Form, die Castle kennt. Wählen Sie in den Einstellungen des Systems einen anderen; bis dahin hören Sie nichts.
fault-speaker-exhausted = Diesem Computer fehlt Speicher für den Lautsprecher. Schließen Sie andere Programme; bis dahin hören Sie nichts.
fault-speaker-changed = Das System richtet den Lautsprecher neu ein. Castle öffnet ihn von selbst wieder; bis dahin hören Sie nichts.
fault-speaker-refused = Das Tonsystem dieses Computers gibt den Lautsprecher nicht her. Stecken Sie ihn ab und wieder an, oder wählen Sie in den Einstellungen des Systems einen anderen; bis dahin hören Sie nichts.
fault-speaker-gone = Der Lautsprecher wurde abgesteckt. Stecken Sie ihn wieder an; bis dahin hören Sie nichts.
fault-speaker-starved = Der Lautsprecher arbeitet nicht mehr. Stecken Sie ihn ab und wieder an; bis dahin hören Sie nichts.
fault-speaker-silent = Der Lautsprecher antwortet nicht. Stecken Sie ihn ab und wieder an; bis dahin hören Sie nichts.
fault-speaker-stood-in = Der gewählte Lautsprecher spielt nichts, solange wird der des Systems benutzt. Wählen Sie in den Einstellungen einen anderen.

# When a screen breaks
broken-title = Diese Ansicht ist kaputtgegangen
broken-explained = Ihre Anmeldung und ein laufendes Gespräch gehen weiter. Was geschah, steht im Protokoll; bitte speichern Sie die Diagnose für Ihren Gastgeber.
broken-again = Weiter

# What "Check my connection" looks at
check-server = Server
check-server-fails = Der Server antwortet nicht, wie er soll. Prüfen Sie Ihr Netz; können sich auch andere nicht anmelden, sagen Sie es Ihrem Gastgeber.
check-certificate = Zertifikat des Servers
check-certificate-fails = Das Zertifikat des Servers ist abgelaufen oder läuft bald ab. Sagen Sie es Ihrem Gastgeber.
check-clock = Uhr
check-clock-fails = Die Uhren dieses Rechners und des Servers gehen verschieden. Lassen Sie diesen Rechner seine Uhr über das Netz stellen; hilft das nicht, sagen Sie es Ihrem Gastgeber.
check-stun = Direkte Gespräche über { $protocol }
check-stun-fails = { $protocol } kommt von hier nicht durch. Nehmen Sie ein anderes Netz oder lassen Sie es durch Ihre Firewall; Gespräche, die es brauchen, werden vermittelt.
check-relay = Vermittlung über { $protocol }
check-relay-fails = Die Vermittlung ist von hier über { $protocol } nicht zu erreichen. Nehmen Sie ein anderes Netz oder lassen Sie es durch Ihre Firewall; geht kein Weg, sagen Sie es Ihrem Gastgeber.
check-any-relay = Vermittlung
check-any-relay-fails = Der Server nennt keine Vermittlung; hinter strengen Firewalls kommen Gespräche nicht durch. Sagen Sie es Ihrem Gastgeber.
check-ports = Ports der Vermittlung
check-ports-fails = Die Ports, die die Vermittlung öffnet, sind von außen nicht zu erreichen. Sagen Sie es Ihrem Gastgeber.
check-rate = Tempo der Vermittlung über { $protocol }
check-rate-fails = Der Weg zur Vermittlung ist zu langsam oder zu voll für Video. Nehmen Sie ein Kabel und schließen Sie, was sonst das Netz braucht.
check-other-fails = Speichern Sie die Diagnose und zeigen Sie sie Ihrem Gastgeber.
