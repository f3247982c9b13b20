# המשפטים והמילים של החלון ושל המנוע, בעברית. המפתחות זהים בכל קובץ.

# App and window
app = Castle
window-in-call = { $peer } – Castle
window-ringing = שיחה נכנסת מאת { $peer }
window-no-display = לא נמצא מסך לפתיחת החלון. יש להפעיל מתוך שולחן עבודה, או להשתמש ב-`castle-desktop bot` במקום שאין בו מסך.
window-no-opengl = לא ניתן להפעיל את OpenGL, המשמש לציור. יש להתקין או לעדכן את מנהל ההתקן הגרפי (ב-Debian וב-Ubuntu: libegl1 libgl1-mesa-dri), או לנסות שוב עם LIBGL_ALWAYS_SOFTWARE=1.
start-misconfigured = Castle הופעל עם משהו שאינו מובן לו: אפשרות, קובץ או הגדרת סביבה. בהפעלה ממסוף הוא אומר מה.
window-not-opened = לא ניתן לפתוח את החלון.
start-deaf = Castle כבר פועל, אך אינו מגיב. יש לסיים אותו ברשימת התוכניות של המערכת ולהפעיל אותו מחדש.
cancel = ביטול
copy = העתקה
card-close = סגירה
page-back = חזרה
list-unanswered = השרת לא ענה.
list-again = לנסות שוב

# Login
login-intro = שיחות וידאו פרטיות, מאורח לאורח.
login-mode-log-in = יש לי חשבון
login-mode-register = יש לי הזמנה
login-mode-reset = שכחתי את הסיסמה
login-server = כתובת השרת
login-server-or-link = כתובת השרת או קישור הזמנה
login-server-hint = https://castle.example:50051
login-invitation = קוד הזמנה
login-code = קוד חד-פעמי מהמארח
login-name = שם
login-password = סיסמה
login-code-in-link = קוד ההזמנה נמצא בקישור.
login-show-password = הצגת הסיסמה
login-remember = לזכור את הכניסה במכשיר זה
login-log-in = כניסה
login-register = הצטרפות עם הזמנה
login-reset = קביעת סיסמה וכניסה
login-reset-explained = אפשר לבקש מהמארח קוד חד-פעמי, התקף ל-24 שעות. בעזרתו בוחרים סיסמה חדשה, והמכשירים האחרים מנותקים.
login-busy = מתחבר…
login-cancel = ביטול הכניסה
login-known = ברוך שובך
login-continue = המשך בתור { $name }
login-continue-at = המשך בתור { $name } בשרת { $server }
login-forget = לשכוח את { $name } בשרת { $server }
login-other-server = שרת אחר או שם אחר…
login-others = שרתים מוכרים
login-as = כניסה בתור { $name }
login-as-at = כניסה בתור { $name } בשרת { $server }
login-need-server = יש להזין את הכתובת שקיבלת מהמארח.
login-need-link = יש להזין את כתובת השרת או להדביק את קישור ההזמנה.
login-need-invitation = יש להזין את קוד ההזמנה, או להדביק למעלה את הקישור.
login-need-name = יש להזין שם.
login-need-password = יש להזין סיסמה.
login-need-new-password = יש לבחור סיסמה.
login-need-code = יש להזין את הקוד שקיבלת מהמארח.
password-again = הסיסמה החדשה שוב
password-differs = שתי הסיסמאות החדשות אינן זהות.
login-link-needs-invitation = זהו קישור הזמנה. יש לבחור ב“יש לי הזמנה”.
join-title = להצטרף אל { $host }?
join-explained = כאן תתבצע יציאה מהחשבון, ושיחה פעילה תסתיים. אחר כך אפשר להירשם שם עם ההזמנה.
join-do = יציאה והצטרפות
join-explained-kept = השרת הזה ייעזב, והכניסה אליו נשמרת: לחיצה אחת מחזירה לכאן. שיחה פעילה תסתיים. אחר כך אפשר להירשם שם עם ההזמנה.
join-do-kept = עזיבה והצטרפות

# Great Hall
hall = האולם הגדול
hall-find = חיפוש מישהו
hall-find-tip = להתחבר לאדם הבא שגם הוא מחפש
hall-next-free = שיחה לפנוי הבא
hall-next-free-tip = שיחה לאורח שפנוי הכי הרבה זמן
hall-interests = תחומי עניין…
hall-looks-for = מחפש: { $list }
hall-search = חיפוש אורחים
hall-count = { $all ->
    [one] אורח { $all }
   *[other] { $all } אורחים
}, { $free } פנויים
hall-count-all = { $all ->
    [one] אורח אחד
   *[other] { $all } אורחים
}
hall-empty = עדיין אין כאן אף אחד אחר
hall-empty-more = אורחים מופיעים ברגע שהם נכנסים. “חיפוש מישהו” ימתין עבורך לבא בתור.
hall-no-hit = אין כאן אורח בשם זה.
hall-more = הצגת אורחים נוספים
hall-another-server = שרת אחר
hall-another-server-tip = מעבר לשרת אחר. הכניסה כאן נשמרת: לחיצה אחת מחזירה לכאן
hall-log-out = יציאה
hall-call = שיחה
hall-call-name = שיחה אל { $name }
hall-menu-of = עוד על { $name }
hall-shown-as = מוצג בתור
availability-available = זמין
availability-in-call = בשיחה
availability-do-not-disturb = נא לא להפריע
availability-invisible = בלתי נראה

# About other guests
guest-report = דיווח…
guest-block = חסימה…
report-title = דיווח על { $name }
report-explained = המארח יקרא את הדיווח. האורח השני לא יידע על כך.
report-harassment = עלבונות או איומים
report-sexual = עירום או מין לא רצויים
report-violence = שנאה או אלימות
report-spam = פרסום או הונאה
report-impersonation = התחזות למישהו אחר
report-underage = צעיר מדי
report-other = משהו אחר
report-words = במילים שלך
report-block-too = לחסום גם את האורח
report-send = שליחת הדיווח
report-lost = הדיווח לא הגיע. מה שנכתב עדיין כאן: אפשר לשלוח שוב בעוד רגע.
block-title = לחסום את { $name }?
block-explained = לא תראו ולא תשמעו זה את זה יותר, ושיחה ביניכם תסתיים. אפשר לבטל זאת בהגדרות.
block-do = חסימה
blocked = אורחים חסומים
blocked-loading = פונה לשרת…
blocked-nobody = לא חסמת אף אחד.
blocked-unblock = ביטול חסימה
blocked-unblock-name = ביטול החסימה של { $name }

# Finding somebody
search-title = מתבצע חיפוש
search-stop = הפסקת החיפוש
search-asking = פונה לשרת…
search-alone = אין כרגע מחפשים נוספים. החיבור ייעשה ברגע שמישהו נוסף יחפש.
search-next = התור הבא שלך. { $waiting } מחפשים.
search-position = מקומך { $position } מתוך { $waiting } מחפשים.
search-place = מקומך בתור: { $position }.
search-wait = { $time } עד כה
search-wait-usually = { $time } עד כה, לרוב כ-{ $usual }
time-seconds = { $count ->
    [one] שנייה
   *[other] { $count } שניות
}
time-minutes = { $count ->
    [one] דקה
   *[other] { $count } דקות
}
interests = תחומי עניין ושפות
interests-explained = מי שחולק איתך הכי הרבה מאלה יימצא ראשון. אחרי המתנה קצרה כל אחד מתאים.
interests-tags-title = תחומי עניין
interests-tags = תחומי עניין, מופרדים בפסיקים, עד 8
interests-tags-hint = שחמט, גינון
interests-languages = השפות שבפיך
interests-add-language = הוספת שפה…
interests-remove = הסרת { $name }

# A call
call-accept = מענה
call-accept-without-camera = בלי מצלמה
call-decline = דחייה
call-cancel = ביטול השיחה
call-hang-up = ניתוק
call-next = הבא
call-mute = השתקה
call-unmute = ביטול השתקה
call-camera-off = כיבוי מצלמה
call-camera-on = הפעלת מצלמה
call-more = עוד
call-full-screen = מסך מלא
call-pip = תמונה בתוך תמונה
call-devices = מצלמה וקול…
share = שיתוף המסך שלך
share-short = שיתוף
share-stop = הפסקת השיתוף
share-what = מה ברצונך לשתף?
share-explained = הצד השני רואה אותו כפי שהוא, עם כל מה שמופיע בו, עד הפסקת השיתוף.
share-looking = מחפש מסכים וחלונות…
share-whole = כל המסך
share-display = מסך { $name }
share-window = { $name }
share-of = המסך של { $peer }
call-calls-you = שיחה נכנסת
call-placing = מתקשר…
call-placing-next-free = מי שפנוי
call-ringing = מצלצל…
call-connecting = מחבר תמונה וקול…
call-waiting-picture = ממתין לתמונה…
call-sound-alone = בשיחה הזאת יש רק קול
call-peer-camera-off = המצלמה כבויה
call-peer-muted = מושתק
call-peer-reconnecting = החיבור של { $peer } נותק, ומתחדש…
call-path-lost = החיבור נקטע. מחפש דרך חדשה…
call-frozen-short = קפואה
call-picture-of = התמונה של { $peer }
call-frozen = { $peer }, התמונה קפואה { $seconds ->
    [one] שנייה
   *[other] { $seconds } שניות
}
own-picture = התמונה שלך
own-camera-off = המצלמה שלך כבויה
own-camera-lost = אין מצלמה
own-camera-starts = המצלמה מופעלת…
own-muted = השתקת את עצמך
chat = צ'אט
chat-close = סגירת הצ'אט
chat-copy = העתקת הכול
chat-empty = מה שנכתב כאן מוצפן מקצה לקצה כמו התמונה והקול, ונעלם עם סיום השיחה.
chat-words = כתיבת הודעה
chat-send = שליחה
chat-you = את/ה
chat-they = הצד השני
chat-not-delivered = עדיין לא הגיע
chat-count = צ'אט ({ $count })
chat-unread = { $count ->
    [one] צ'אט, הודעה אחת שלא נקראה
   *[other] צ'אט, { $count } הודעות שלא נקראו
}
safety = מילות ביטחון
safety-explained = הקריאו זה לזה את המילים. אם הן זהות בשני הצדדים, איש אינו נמצא ביניכם.
safety-pending = המילים עדיין בחישוב.
safety-unsupported = הצד השני אינו תומך במילות ביטחון.
safety-same = הן זהות
safety-differ = הן שונות: לסיים
safety-device-first = זה המכשיר הראשון של האורח שפגשת.
safety-device-new = האורח משתמש במכשיר חדש עבורך.
safety-device-seen = המכשיר מוכר משיחה קודמת.
safety-device-verified = המילים הושוו עם מכשיר זה.
quality-good = חיבור טוב
quality-fair = חיבור סביר
quality-poor = חיבור חלש
stats = נתונים
stats-most = שיא { $value }
stats-received = נקלט
stats-sent = נשלח
stats-loss = אבד
stats-lost-there = אבד בצד השני
stats-rtt = הלוך ושוב
stats-glass = ממצלמה למסך
stats-line-rtt = { $ms } ms הלוך ושוב
stats-line-glass = { $ms } ms ממצלמה למסך
stats-line-loss = { $percent }% אבדו
unit-ms = { $count } ms
unit-fps = { $count } fps
unit-mbps = { $count } Mb/s
unit-kbps = { $count } kb/s
unit-percent = { $share }%
route-host = ישיר, אותה רשת
route-direct = ישיר
route-relay = מועבר דרך השרת
route-asked-for = מועבר: לפי בקשתך
route-private = מועבר: אורחים שהותאמו אינם לומדים זה את כתובתו של זה
route-udp-blocked = מועבר: UDP חסום
route-no-direct-way = מועבר: שתי הרשתות אינן מאפשרות חיבור ישיר

# After a call
ended-declined = לא ניתן לענות כעת: { $peer }
ended-you-declined = דחית את השיחה
ended-gave-up = היה ניסיון שיחה מאת { $peer }
ended-missed = שיחה שלא נענתה מאת { $peer }
ended-busy = בשיחה אחרת: { $peer }
ended-cancelled = השיחה בוטלה
ended-timed-out = אין מענה
ended-hung-up = ניתקת את השיחה
ended-peer-hung-up = השיחה נותקה על ידי { $peer }
ended-disconnected = אין עוד חיבור אל { $peer }
ended-failed = התמונה והקול לא עברו
ended-broke = החיבור נקטע
ended-answered-elsewhere = נענה במכשיר אחר
ended-superseded = שיחה אחרת באה במקומה
ended-shutting-down = השרת נסגר
ended-forgotten = השיחה אבדה עם החיבור לשרת
ended-try-later = אפשר לנסות שוב מאוחר יותר.
ended-try-when-free = אפשר לנסות כשהאולם יראה שהם זמינים.
ended-try-when-back = אפשר להתקשר שוב כשהאולם יראה שהם זמינים.
ended-check-network = כדאי לבדוק שהרשת מאפשרת שיחות, ואז להתקשר שוב.
ended-call-back = אפשר להתקשר שוב. אם החיבור ייקטע שוב, כדאי לבדוק אותו.
ended-comes-back = החיבור יתחדש מעצמו כשהשרת יחזור.
ended-again = אפשר להתקשר שוב.
ended-lasted = השיחה נמשכה { $time }.
ended-rate = איך הייתה השיחה?
ended-rated = תודה. זה נשאר במחשב שלך.
ended-stars = { $count ->
    [one] כוכב אחד
   *[other] { $count } כוכבים
}
ended-find-another = חיפוש מישהו אחר
ended-call-again = שיחה חוזרת
ended-back = חזרה לאולם
quit-title = לעזוב את השיחה עם { $peer }?
quit-explained = סגירת החלון תסיים את השיחה.
quit-do = ניתוק ויציאה
quit-stay = להישאר

# Calls of the past
history = שיחות
history-missed = שיחות, { $count } שלא נענו
history-loading = פונה לשרת…
history-empty = עדיין לא היו לך שיחות.
history-more = הצגת שיחות ישנות יותר
history-erase-ask = מחיקת הכול…
history-erase-title = למחוק את כל השיחות?
history-erase-explained = הצד שלך בכל השיחות יימחק מהשרת. אי אפשר לבטל זאת.
history-erase = מחיקת הכול
history-erased-guest = אורח שעזב
history-matched = נמצא בהתאמה
history-way-in = נכנסת
history-way-out = יוצאת
history-way-missed = לא נענתה
ago-now = ממש עכשיו
ago-minutes = { $count ->
    [one] לפני דקה
   *[other] לפני { $count } דקות
}
ago-hours = { $count ->
    [one] לפני שעה
   *[other] לפני { $count } שעות
}
ago-days = { $count ->
    [one] אתמול
   *[other] לפני { $count } ימים
}
date = { $day } ב{ $month ->
    [1] ינואר
    [2] פברואר
    [3] מרץ
    [4] אפריל
    [5] מאי
    [6] יוני
    [7] יולי
    [8] אוגוסט
    [9] ספטמבר
    [10] אוקטובר
    [11] נובמבר
   *[12] דצמבר
} { $year }

# Camera and sound
tryout = מצלמה וקול
tryout-mic-explained = אמרו משהו. הפס זז כששומעים אתכם.
tryout-level = עוצמת המיקרופון
tryout-speaker-test = השמעת צליל בדיקה
tryout-speaker-plays = מושמע…

# Settings
settings = הגדרות
settings-looks = מראה
settings-theme = צבעים
settings-theme-system = כמו המערכת
settings-theme-light = בהיר
settings-theme-dark = כהה
settings-language = שפה
settings-language-system = מערכת
settings-zoom = גודל
settings-devices = התקנים
settings-camera = מצלמה
settings-mic = מיקרופון
settings-speaker = רמקול
devices-done = סיום
settings-first-camera = המצלמה הראשונה, או תמונת הבדיקה
settings-test-picture = תמונת בדיקה
settings-system-device = ברירת המחדל של המערכת
settings-sound = קול
settings-echo = ביטול הד
settings-noise = הפחתת רעשי רקע
settings-gain = התאמה אוטומטית של עוצמת המיקרופון
settings-push-to-talk = דיבור רק בזמן החזקת מקש הרווח
settings-quality = תמונה ורשת
settings-quality-cap = איכות התמונה
settings-quality-best = הטוב ביותר
settings-quality-medium = בינוני
settings-quality-saving = חיסכון בנתונים
settings-relay-only = להעביר את כל השיחות דרך השרת
settings-relay-only-explained = כך איש אינו לומד את כתובת הרשת שלך. השיחות עשויות להיות מעט איטיות יותר.
settings-notifications = התראות
settings-notify = להודיע על שיחות כשהחלון אינו בחזית
settings-ring = השמעת צלצול
settings-people = אנשים
settings-account = חשבון
settings-account-explained = השם, המכשירים והסיסמה שלך, ומה שהשרת שומר עליך.
settings-old-password = הסיסמה הנוכחית
settings-new-password = סיסמה חדשה
settings-change-password = שינוי סיסמה

# My account
account = החשבון שלך
account-name = השם שלך
account-name-shown = מה שאחרים רואים
account-name-login = שם הכניסה הוא { $name }, והוא אינו משתנה.
account-name-save = שינוי השם
account-devices = המכשירים שלך
account-devices-explained = החשבון מחובר במכשירים האלה. כדאי לנתק מכשיר שאינו בשימוש או שאינו מוכר.
account-devices-loading = פונה לשרת…
account-device-this = המכשיר הזה
account-device-unnamed = מכשיר ללא שם
account-device-used = שימוש אחרון: { $when }
account-log-out = ניתוק
account-log-out-name = ניתוק { $name }
account-data = הנתונים שלך
account-data-explained = כותב לקובץ אחד את כל מה שהשרת שומר עליך: שם, מכשירים, אורחים חסומים, דיווחים ושיחות.
account-data-file = קובץ
account-data-save = שמירת הנתונים
account-erase = מחיקת החשבון
account-erase-told = מוחק את החשבון מהשרת. אי אפשר להחזיר אותו.
account-erase-ask = מחיקת החשבון…
account-erase-title = למחוק את החשבון?
account-erase-explained = השם, הסיסמה, המכשירים, האורחים החסומים והשיחות נמחקים מיד מהשרת, ושיחה פעילה מסתיימת. ברשימות של אחרים נשארות השיחות בלי השם שלך; הדיווחים שלך נשארים אצל המארח. אחרים יוכלו לקחת את שם הכניסה.
account-erase-do = מחיקה לצמיתות
account-busy = רק רגע…
crowded = יותר מדי מכשירים

# Help
help = עזרה
help-checkup-explained = בודק את כל מה שבין כאן לשיחה, ואומר מה לשנות.
help-shortcuts = קיצורי מקלדת
help-diagnostics = אבחון
help-diagnostics-explained = כותב לקובץ אחד גרסאות, הגדרות ומה שקרה לאחרונה, וניתן לשלוח אותו למארח. אין בו סיסמאות.
help-diagnostics-file = קובץ
help-diagnostics-names = עם שמות וכתובות
help-diagnostics-save = שמירת אבחון
keys-search = חיפוש באולם
keys-escape = חזרה, דחייה, ביטול
keys-mute = השתקה או ביטולה
keys-camera = הפעלת המצלמה או כיבויה
keys-share = שיתוף המסך או הפסקתו
keys-talk = דיבור בזמן החזקה, אם הוגדר כך
keys-next = האדם הבא
keys-tab = מעבר בין פקדים; החצים מזיזים את התמונה שלך
keys-in-hall = באולם ובזמן צלצול
keys-anywhere = בכל דף
keys-in-call = בשיחה
key-ctrl = Ctrl
key-cmd = Cmd
key-shift = Shift
key-enter = Enter
key-space = רווח
key-esc = Esc
key-tab = Tab
about = אודות
about-version = Castle { $version }
about-explained = שיחות וידאו פרטיות בין שניים, על שרת משלכם. התמונה, הקול והצ'אט מוצפנים מקצה לקצה.
about-licence = תוכנה חופשית ברישיון MIT או Apache 2.0, לבחירתך.
about-server = מחובר אל { $server }
checkup = בדיקת החיבור שלי
checkup-close = סגירה
checkup-looking = בודק את כל מה שבין כאן לשיחה…
checkup-well = הכול תקין: שיחות יעברו מכאן.
checkup-failed = { $count ->
    [one] דבר אחד אינו פועל.
   *[other] { $count } דברים אינם פועלים.
}
checkup-fine = תקין
checkup-wrong = לא פועל
checkup-skipped = לא נבדק

# Notices
notices-dismiss = סגירה
notices-use = להשתמש
notices-more = { $count ->
    [one] עוד הודעה אחת
   *[other] עוד { $count } הודעות
}
notices-overloaded = האפליקציה עמוסה מאוד, והפעולה לא בוצעה. נא לנסות שוב.
notices-reconnecting = החיבור לשרת אבד. מתחבר מחדש…

# What went wrong
error-bad-address = זו אינה כתובת של שרת. כתובת נראית כך: https://castle.example:50051, או שהיא הקישור מהמארח.
error-bad-pin = טביעת האצבע אינה שלמה: היא sha256: ואחריה 64 ספרות. יש להעתיק שוב, או לבקש מהמארח את הקישור.
error-no-tls = מה שעונה בכתובת זו אינו מצפין את החיבור. יש לבדוק את הפורט, או לבקש מהמארח את הקישור.
error-unknown-host = אין שרת כזה. יש לבדוק שאין שגיאת הקלדה ושיש חיבור לרשת.
error-connection-refused = המחשב קיים, אך שום שרת Castle אינו עונה בו. יש לבדוק את הפורט, או לשאול את המארח אם השרת פועל.
error-timeout = השרת לא ענה בזמן. יש לבדוק את הרשת ולנסות שוב.
error-unreachable = החיבור לשרת נותק. יש לבדוק את הרשת ולנסות שוב.
error-not-castle = משהו עונה בכתובת זו, אך אינו שרת Castle. יש לבדוק את הכתובת והפורט.
error-protocol = השרת אמר דבר שהאפליקציה אינה מבינה. ייתכן שהגרסאות שונות: יש לשאול את המארח באיזו להשתמש.
error-code-refused = השם והקוד אינם תואמים, או שהקוד כבר נוצל או נוצר לפני יותר מ-24 שעות. יש לבדוק את שניהם, או לבקש מהמארח קוד חדש.
error-code-spent = בקוד הזה נקבעה סיסמה לפני רגע. יש להיכנס איתה, או לבקש מהמארח קוד חדש.
error-keyring-closed = מחזיק המפתחות של המחשב לא נפתח. יש לפתוח אותו ולנסות שוב, או להיכנס עם הסיסמה.
error-no-key = לא נמצא במחשב זה מפתח לכניסה הזאת. אם יש בו מחזיק מפתחות והוא נעול, יש לפתוח אותו ולנסות שוב; אחרת יש להיכנס עם הסיסמה.
error-invitation-unknown = השרת אינו מכיר את ההזמנה. יש לבדוק את הקוד, או לבקש חדשה מהמארח.
error-invitation-expired = ההזמנה ישנה מדי. יש לבקש חדשה מהמארח.
error-invitation-spent = ההזמנה כבר נוצלה. יש לבקש חדשה מהמארח.
error-name-taken = השם תפוס. יש לבחור אחר, או להיכנס אם הוא שלך.
error-bad-credentials = השם והסיסמה אינם תואמים. יש לבדוק את שניהם ולנסות שוב.
error-login-over = הכניסה שלך הסתיימה. נא להיכנס שוב.
error-refresh-reused = הכניסה שלך נוצלה משני מקומות בו-זמנית ונסגרה לשם ביטחון. נא להיכנס שוב.
error-superseded = חיבור אחר שלך לקח את המקום.
error-session-limit = החשבון נמצא באולם ביותר מדי מכשירים בבת אחת. יש לנתק אחד מהם, כאן או במכשיר אחר תחת “הגדרות” ו“החשבון שלך”; אחר כך תתאפשר הכניסה.
error-call-over = השיחה הזאת הסתיימה.
error-wrong-state = אי אפשר לעשות זאת בשלב זה של השיחה.
error-already-in-call = כבר מתקיימת שיחה. יש לסיים אותה תחילה.
error-peer-unavailable = לא ניתן להשיג את האורח כעת. אפשר לנסות שוב מאוחר יותר.
error-nobody-available = אין כרגע אף אחד פנוי. אפשר לנסות שוב עוד רגע.
error-ring-limit = התקשרת לאורח כמה פעמים בלי מענה. יש להמתין עשר דקות.
error-already-queued = כבר מתבצע חיפוש.
error-queue-full = יותר מדי אנשים מחפשים כרגע. אפשר לנסות שוב עוד רגע.
error-invitation-revoked = המארח ביטל את ההזמנה. אפשר לבקש אחרת.
error-invitation-required = ההרשמה כאן דורשת הזמנה. אפשר לבקש אחת מהמארח.
error-banned = המארח חסם את החשבון. אפשר לפנות למארח.
error-login-ended = נותקת מהחשבון. יש להיכנס שוב.
error-guest-unknown = האורח כבר אינו קיים.
error-device-unknown = המכשיר כבר מנותק.
error-report-unknown = אין דיווח כזה.
error-last-admin = האולם זקוק למנהל: יש למנות תחילה מישהו אחר.
error-deadline = השרת התעכב יותר מדי. יש לנסות שוב.
error-permission = החשבון אינו רשאי לעשות זאת. אפשר לפנות למארח.
error-version = גרסאות האפליקציה והשרת שונות. יש לשאול את המארח באיזו גרסה להשתמש.
error-reconnects = החיבור לשרת אבד ונוצר מחדש.
error-too-much = זה יותר ממה שהשרת מקבל. אפשר לנסות עם פחות.
error-certificate-expired = תעודת השרת פגה, או שהשעון במחשב שגוי. יש לבדוק את השעון ולהודיע למארח.
error-certificate-other-name = תעודת השרת שייכת לשם אחר. יש לבדוק את הכתובת, או לבקש מהמארח את הקישור.
error-field-name = לא ניתן להשתמש בשם זה. בשם יש 3 עד 32 אותיות, ספרות, נקודות, מקפים או קווים תחתונים.
error-field-password = לא ניתן להשתמש בסיסמה זו. היא צריכה לפחות 8 תווים ואסור שתהיה נפוצה.
error-field-display-name = אי אפשר להציג את השם הזה. מותרים בו עד 64 תווים, שכולם נראים לעין.
error-field-invitation = זה אינו קוד הזמנה. יש לבדוק אותו, או לבקש חדש מהמארח.
error-field-tags = אפשר להשתמש בעד 8 תחומי עניין, כל אחד עד 32 תווים.
error-field-other = השרת לא קיבל את אחד הפרטים. יש לבדוק אותם ולנסות שוב.
error-try-again-in = אפשר לנסות שוב בעוד { $time }.
error-rate-limited = זה קרה יותר מדי פעמים בזמן קצר.
error-draining = השרת מופעל מחדש.
error-internal = משהו השתבש בשרת.
error-log-id = יש למסור למארח את המספר הזה: { $id }.
error-certificate-unknown = אף גורם שהמחשב סומך עליו אינו ערב לשרת הזה. התעודה שלו היא { $shown }. אם המארח מאשר בדיוק אותה, יש לפתוח את הקישור ממנו, או לכתוב ?pin={ $shown } אחרי הכתובת.
error-certificate-changed = השרת מציג תעודה אחרת מזו שסמכת עליה: { $shown }. ייתכן שמישהו עומד ביניכם. יש להמשיך רק עם קישור חדש מהמארח.

# What the engine tells
told-reported = תודה. המארח יקרא את הדיווח.
told-blocked = לא תראו ולא תשמעו זה את זה יותר. אפשר לבטל זאת בהגדרות.
told-password-changed = הסיסמה שונתה. המכשירים האחרים נותקו.
told-wrong-password = זו אינה הסיסמה שלך, ולא השתנה דבר. יש להקליד אותה שוב.
told-renamed = מעכשיו רואים אותך בשם { $name }.
told-exported = מה שהשרת שומר עליך נשמר בשם { $file }.
told-not-exported = מה שהשרת שומר עליך לא נשמר בשם { $file }. יש לבחור מקום אחר.
told-erased = החשבון נמחק, והתנתקת בכל המכשירים.
told-not-remembered = לא ניתן היה לזכור את הכניסה: אין מחזיק מפתחות ואין תיקייה שמקבלים את המפתח שלה.
told-key-in-file = מחזיק המפתחות של המחשב אינו מקבל את מפתח הכניסה. המפתח נשמר בקובץ שרק לך מותר לקרוא.
told-settings-damaged = קובץ של ההגדרות היה פגום. הוא נשמר בשם { $name }, והאפליקציה התחילה בהגדרות חדשות.
told-settings-stuck = קובץ של ההגדרות פגום ולא ניתן להזיז אותו הצידה. האפליקציה התחילה בהגדרות חדשות.
told-settings-newer = ההגדרות נכתבו בגרסה חדשה יותר של האפליקציה. הן נשארות כפי שהן; שינויים מעכשיו לא יישמרו.
told-servers-damaged = רשימת השרתים הייתה פגומה. היא נשמרה בשם { $name }. יש להיכנס שוב, והשרת ייזכר מחדש.
told-servers-stuck = רשימת השרתים פגומה ולא ניתן להזיז אותה הצידה. יש להיכנס שוב; אם זה חוזר בהפעלה הבאה, יש למחוק את servers.json בתיקיית ההגדרות.
told-servers-newer = רשימת השרתים נכתבה בגרסה חדשה יותר של האפליקציה. היא נשארת כפי שהיא; כניסות מעכשיו לא יישמרו.
told-keys-damaged = הקובץ עם מפתחות הכניסה היה פגום. הוא נשמר בשם { $name }. יש להיכנס עם הסיסמה, והכניסה תיזכר שוב.
told-keys-stuck = הקובץ עם מפתחות הכניסה פגום ולא ניתן להזיז אותו הצידה. יש להיכנס עם הסיסמה; אם זה חוזר בהפעלה הבאה, יש למחוק את logins.json בתיקיית ההגדרות.
told-keys-newer = מפתחות הכניסה נכתבו בגרסה חדשה יותר של האפליקציה. הם נשארים כפי שהם; יש להיכנס עם הסיסמה, או להשתמש בגרסה החדשה.
told-not-saved = ההגדרות ורשימת הכניסות לא נשמרות בתיקייה { $folder }. יש לפנות בה מקום, או להרשות ל-Castle לכתוב בה; הוא מנסה שוב מעצמו.
told-screen-refused = הצד השני אינו יכול להציג מסך משותף.
told-screen-too-large = הצד השני משתף מסך של { $width } × { $height }, גדול ממה שהאפליקציה מציגה. יש לבקש ממנו לשתף חלון במקומו.
told-chat-too-long = זה ארוך מדי לשורה אחת בצ'אט. יש לשלוח בכמה שורות.
told-chat-too-many = הצד השני אינו מקבל כרגע עוד שורות. יש להמתין עד שהקודמות יגיעו.
told-pictures-too-large = הצד השני שולח תמונות של { $width } × { $height }, גדולות ממה שהאפליקציה מציגה. יש לבקש ממנו גודל קטן יותר.
told-not-placed = השיחה לא יצאה לדרך, כי החיבור נותק. נא להתקשר שוב.
told-no-call-yet = אי אפשר להתקשר לאיש לפני שהחיבור לשרת יחזור. החיבור מתחדש מעצמו.
told-broke = משהו באפליקציה התקלקל. אם התמונה או הקול חסרים, יש להתקשר שוב; נא לשמור את האבחון עבור המארח.
told-man-in-the-middle = השיחה הופסקה: ייתכן שמישהו עומד ביניכם. יש להודיע למארח, ולא לומר דבר פרטי עד שיתברר מיהו.
told-camera-gone = המצלמה “{ $name }” נותקה. אחרת בשימוש עד שתחזור.
told-camera-gone-last = המצלמה “{ $name }” נותקה, ואין אחרת. יש לחבר אותה שוב.
told-camera-back = המצלמה “{ $name }” חזרה והיא בשימוש.
told-camera-used = המצלמה “{ $name }” בשימוש עכשיו.
told-camera-new = יש מצלמה חדשה: “{ $name }”.
told-mic-gone = המיקרופון “{ $name }” נותק. אחר בשימוש עד שיחזור.
told-mic-gone-preferred = המיקרופון “{ $name }” נותק. עכשיו בשימוש זה שהמערכת מעדיפה.
told-mic-gone-last = המיקרופון “{ $name }” נותק, ואין אחר. יש לחבר אותו שוב; עד אז לא שומעים אותך.
told-mic-back = המיקרופון “{ $name }” חזר והוא בשימוש.
told-mic-new = יש מיקרופון חדש: “{ $name }”.
told-speaker-gone = הרמקול “{ $name }” נותק. אחר בשימוש עד שיחזור.
told-speaker-gone-preferred = הרמקול “{ $name }” נותק. עכשיו בשימוש זה שהמערכת מעדיפה.
told-speaker-gone-last = הרמקול “{ $name }” נותק, ואין אחר. יש לחבר אותו שוב; עד אז לא תשמעו דבר.
told-speaker-back = הרמקול “{ $name }” חזר והוא בשימוש.
told-speaker-new = יש רמקול חדש: “{ $name }”.
told-diagnostics-saved = האבחון נשמר בשם { $file }.
told-diagnostics-not-saved = לא ניתן היה לשמור את האבחון בשם { $file }. יש לבחור מקום אחר.

# Notices of the system
system-ringing = שיחה נכנסת מאת { $peer }
system-missed = שיחה שלא נענתה מאת { $peer }
system-wrote = הודעה חדשה מאת { $peer }
system-open = פתיחה

# Devices
fault-goes-on = השיחה ממשיכה בלעדיה.
fault-no-camera = אין מצלמה. תמונת בדיקה מוצגת עד שתחובר אחת.
fault-no-pictures = בשיחה הזאת יש קול ואין תמונה: לתוכנה בצד השני אין תמונות ש-Castle מבין. עם Castle או דפדפן עדכני שם, שניכם תראו זה את זה.
fault-screen-unsupported = המערכת הזו עדיין אינה נותנת ל-Castle גישה למסך. שיתוף המסך פועל תחת X11.
fault-screen-wayland = בהפעלת Wayland עדיין אי אפשר לשתף את המסך. יש להתחבר בהפעלת X11 (Xorg) כדי לשתף אותו.
fault-screen-none = אין מסך שאפשר לשתף.
fault-screen-gone = מה ששותף כבר לא קיים, והשיתוף הופסק.
fault-screen-system = מערכת החלונות אינה נותנת ל-Castle תמונה ({ $reason }).
fault-camera-not-found = אין מצלמה { $camera }. יש לחבר אותה או לבחור אחרת.
fault-camera-busy = תוכנה אחרת משתמשת במצלמה { $camera }. יש לסגור אותה.
fault-camera-forbidden = אסור ל-Castle להשתמש במצלמה { $camera }. יש לאפשר זאת בהגדרות המערכת.
fault-camera-unsupported = המצלמה { $camera } אינה נותנת תמונות ש-Castle מבין ({ $reason }). יש לבחור אחרת.
fault-camera-gone = המצלמה { $camera } נותקה. יש לחבר אותה שוב.
fault-camera-bus = המצלמה { $camera } אינה מסתדרת לצד התקנים אחרים באותה רכזת. כדאי לחבר אותה לשקע אחר במחשב, או לנתק מצלמה אחרת.
fault-camera-disturbed = יש הפרעה בין המצלמה { $camera } למחשב. כדאי לנסות כבל אחר או שקע אחר.
fault-camera-memory = לא נשאר זיכרון למצלמה { $camera }. כדאי לסגור תוכנות אחרות.
fault-camera-silent = המצלמה { $camera } לא שלחה תמונה כבר { $seconds ->
    [one] שנייה
   *[other] { $seconds } שניות
}. יש לנתק אותה ולחבר שוב.
fault-camera-file = לא ניתן לנגן את הסרטון { $file } ({ $reason }). יש לבחור אחר.
fault-camera-system = המצלמה { $camera } אינה פועלת ({ $reason }). יש לנתק אותה ולחבר שוב, או לבחור אחרת.
reason-no-camera = זו אינה מצלמה
reason-no-layout = היא אינה מציעה צורת תמונה ש-Castle קורא
reason-refuses-layout = היא מסרבת לצורת התמונה שהיא מציעה
reason-system-error = שגיאה { $code } של המערכת
reason-other-layout = היא עברה לצורת תמונה אחרת
reason-broken-pictures = התמונות שלה אינן מה שהובטח
reason-too-large = הגודל גדול מדי
reason-other-pixels = הפיקסלים בצורה אחרת
reason-lacks = חסר { $what }
reason-no-numbers = נגמרו המספרים
fault-sound-file = לא ניתן להשתמש בקובץ הקול { $file } ({ $reason }). יש לבחור אחר.
fault-sound-codec = לא ניתן לקודד או לפענח את הקול ({ $reason }). יש להפעיל את האפליקציה מחדש.
fault-mic-not-found = לא נמצא מיקרופון. יש לחבר אחד; עד אז לא ישמעו אותך.
fault-mic-busy = תוכנה אחרת משתמשת במיקרופון. יש לסגור אותה; עד אז לא ישמעו אותך.
fault-mic-forbidden = אסור ל-Castle להשתמש במיקרופון. יש לאפשר זאת בהגדרות המערכת; עד אז לא ישמעו אותך.
fault-mic-form = המיקרופון אינו נותן צליל בצורה ש-Castle מכיר. יש לבחור אחר בהגדרות המערכת; עד אז לא ישמעו אותך.
fault-mic-exhausted = אין במחשב זיכרון פנוי למיקרופון. יש לסגור תוכנות אחרות; עד אז לא ישמעו אותך.
fault-mic-changed = המערכת מגדירה את המיקרופון מחדש. Castle יפתח אותו שוב בעצמו; עד אז לא ישמעו אותך.
fault-mic-refused = מערכת הצליל של המחשב אינה מוסרת את המיקרופון. יש לנתק אותו ולחבר שוב, או לבחור אחר בהגדרות המערכת; עד אז לא ישמעו אותך.
fault-mic-gone = המיקרופון נותק. יש לחבר אותו שוב; עד אז לא ישמעו אותך.
fault-mic-starved = המיקרופון הפסיק לפעול. יש לנתק אותו ולחבר שוב; עד אז לא ישמעו אותך.
fault-mic-silent = המיקרופון אינו עונה. יש לנתק אותו ולחבר שוב; עד אז לא ישמעו אותך.
fault-mic-stood-in = המיקרופון שנבחר אינו נותן צליל, ובינתיים בשימוש זה של המערכת. יש לבחור אחר בהגדרות.
fault-speaker-not-found = לא נמצא רמקול. יש לחבר רמקול או אוזניות; עד אז לא יישמע דבר.
fault-speaker-busy = תוכנה אחרת משתמשת ברמקול. יש לסגור אותה; עד אז לא יישמע דבר.
fault-speaker-forbidden = אסור ל-Castle להשתמש ברמקול. יש לאפשר זאת בהגדרות המערכת; עד אז לא יישמע דבר.
fault-speaker-form = הרמקול אינו מקבל צליל בצורה ש-Castle מכיר. יש לבחור אחר בהגדרות המערכת; עד אז לא יישמע דבר.
fault-speaker-exhausted = אין במחשב זיכרון פנוי לרמקול. יש לסגור תוכנות אחרות; עד אז לא יישמע דבר.
fault-speaker-changed = המערכת מגדירה את הרמקול מחדש. Castle יפתח אותו שוב בעצמו; עד אז לא יישמע דבר.
fault-speaker-refused = מערכת הצליל של המחשב אינה מוסרת את הרמקול. יש לנתק אותו ולחבר שוב, או לבחור אחר בהגדרות המערכת; עד אז לא יישמע דבר.
fault-speaker-gone = הרמקול נותק. יש לחבר אותו שוב; עד אז לא יישמע דבר.
fault-speaker-starved = הרמקול הפסיק לפעול. יש לנתק אותו ולחבר שוב; עד אז לא יישמע דבר.
fault-speaker-silent = הרמקול אינו עונה. יש לנתק אותו ולחבר שוב; עד אז לא יישמע דבר.
fault-speaker-stood-in = הרמקול שנבחר אינו משמיע דבר, ובינתיים בשימוש זה של המערכת. יש לבחור אחר בהגדרות.

# When a screen breaks
broken-title = המסך הזה התקלקל
broken-explained = הכניסה ושיחה פעילה ממשיכות. מה שקרה רשום ביומן; נא לשמור את האבחון עבור המארח.
broken-again = המשך

# What "Check my connection" looks at
check-server = שרת
check-server-fails = השרת אינו עונה כראוי. יש לבדוק את הרשת; אם גם אחרים אינם מצליחים להיכנס, יש להודיע למארח.
check-certificate = תעודת השרת
check-certificate-fails = תעודת השרת פגה או עומדת לפוג. יש להודיע למארח.
check-clock = שעון
check-clock-fails = השעונים של המחשב ושל השרת שונים. יש לכוון את שעון המחשב דרך הרשת; אם זה אינו עוזר, יש להודיע למארח.
check-stun = שיחות ישירות ב-{ $protocol }
check-stun-fails = { $protocol } אינו עובר מכאן. יש לעבור לרשת אחרת או לאפשר אותו בחומת האש; שיחות שזקוקות לו מועברות דרך ממסר.
check-relay = ממסר ב-{ $protocol }
check-relay-fails = לא ניתן להשתמש בממסר ב-{ $protocol } מכאן. יש לעבור לרשת אחרת או לאפשר אותו בחומת האש; אם אף דרך אינה עובדת, יש להודיע למארח.
check-any-relay = ממסר
check-any-relay-fails = השרת אינו מציע ממסר, ולכן מאחורי חומות אש קפדניות שיחות לא יעברו. יש להודיע למארח.
check-ports = הפורטים של הממסר
check-ports-fails = לא ניתן להגיע מבחוץ אל הפורטים שהממסר פותח. יש להודיע למארח.
check-rate = מהירות הממסר ב-{ $protocol }
check-rate-fails = הדרך אל הממסר איטית או עמוסה מדי לווידאו. כדאי להשתמש בכבל ולסגור כל מה שמשתמש ברשת.
check-other-fails = יש לשמור את האבחון ולהראות אותו למארח.
