// open-easyrtc with the demo pages it ships, on a port of loopback (PORT), without anybody's STUN servers.
"use strict";
const http = require("http");
const express = require("express");
const { Server } = require("socket.io");
const easyrtc = require("open-easyrtc");

const app = express();
const server = http.createServer(app);
easyrtc.setOption("logLevel", "warning");
easyrtc.setOption("appIceServers", []);
easyrtc.listen(app, new Server(server), null, (error) => {
  if (error) throw error;
  server.listen(Number(process.env.PORT), "127.0.0.1");
});
