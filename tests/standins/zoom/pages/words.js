// What the client says, in two languages.
"use strict";
window.words = {
  en: {
    join: "Join", name: "Your Name", lobby: "Please wait, the meeting host will let you in soon.", leave: "Leave",
    allow: "Use microphone and camera", without: "Continue without microphone and camera", hear: "Do you want people to hear you in the meeting?",
    agree: "I Agree", removed: "You have been removed", removedBody: "The host has removed you from this meeting",
    ended: "This meeting has been ended by host", leaveMeeting: "Leave Meeting", endAll: "End Meeting for All",
    mute: "mute my microphone", unmute: "unmute my microphone", stop: "stop my video", start: "start my video",
    recorded: "This meeting is being recorded", gotIt: "Got it", joining: "Joining Meeting...", reconnecting: "Reconnecting...",
    ask: "The host would like you to unmute", stay: "Stay Muted", unmuteMe: "Unmute", audio: "Join Audio by Computer",
  },
  de: {
    join: "Beitreten", name: "Ihr Name", lobby: "Bitte warten, der Host wird Sie in Kürze einlassen.", leave: "Verlassen",
    allow: "Mikrofon und Kamera verwenden", without: "Ohne Mikrofon und Kamera fortfahren", hear: "Sollen Sie gehört werden?",
    agree: "Ich stimme zu", removed: "Sie wurden aus dem Meeting entfernt", removedBody: "Der Host hat Sie entfernt",
    ended: "Dieses Meeting wurde vom Host beendet", leaveMeeting: "Meeting verlassen", endAll: "Meeting für alle beenden",
    mute: "Stummschalten", unmute: "Stummschaltung aufheben", stop: "Video beenden", start: "Video starten",
    recorded: "Dieses Meeting wird aufgezeichnet", gotIt: "Verstanden", joining: "Dem Meeting wird beigetreten", reconnecting: "Verbindung wird wiederhergestellt",
    ask: "The host would like you to unmute", stay: "Stumm bleiben", unmuteMe: "Stummschaltung aufheben", audio: "Audio über Computer beitreten",
  },
}[window.config.lang];
// Words no list has, in a language of the tests' own making.
if (window.config.unknown_words) {
  Object.assign(window.words, { lobby: "Vortu afablo, la mastro baldau", removed: "Tju ek", removedBody: "", ended: "Fino de rondo", joining: "Eniro..." });
}
