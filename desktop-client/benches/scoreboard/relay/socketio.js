// The reference on Node: candidates from one socket to the other of its pair, as Socket.IO has it with nothing added.
"use strict";
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
const sockets = new Map();
io.on("connection", (socket) => {
  const { own, other } = socket.handshake.query;
  sockets.set(own, socket);
  socket.on("candidate", (candidate) => sockets.get(other)?.emit("candidate", candidate));
  socket.on("disconnect", () => sockets.delete(own));
});
http.listen(0, "127.0.0.1", 4096, () => console.log(`http://127.0.0.1:${http.address().port} -`));
// It ends with who started it.
process.stdin.on("end", () => process.exit()).resume();
