import { io } from "socket.io-client";
import logo from "./logo.svg";
import { reachOutside } from "./outside";
import "./style.css";
import { VERSION } from "./version";

const show = (id, text) => {
  document.getElementById(id).textContent = text;
};

async function askApi() {
  const version = await fetch(`${__API__}/version`);
  const prices = await fetch(`${__API__}/prices/public`);
  const { sha } = await version.json();
  show("backend", sha);
  // Without a price list the answer is 404, and JSON all the same.
  await prices.json();
  return version.ok && (prices.ok || prices.status === 404);
}

function holdSocket() {
  const socket = io(__WS__ || window.location.origin, { path: "/socket.io/" });
  socket.on("connect", () => show("socket", "connected"));
  socket.on("disconnect", () => show("socket", "disconnected"));
}

show("release", __RELEASE__);
show("version", VERSION);
document.getElementById("logo").src = logo;
document.getElementById("load").addEventListener("click", async () => {
  try {
    const { text } = await import(/* webpackChunkName: "chunk" */ "./chunk");
    show("chunk", text);
  } catch (error) {
    show("chunk", `missing: ${error.message}`);
  }
});
document.getElementById("reach").addEventListener("click", async () => {
  show("outside", JSON.stringify(await reachOutside()));
});
askApi().then(
  (good) => show("api", good ? "connected" : "failed"),
  (error) => show("api", `failed: ${error.message}`),
);
holdSocket();
