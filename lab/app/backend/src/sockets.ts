import { Server } from "socket.io";

/** Open Socket.IO on its own port, and tell each client which release it talks to. */
export function startSockets(port: number, release: string): void {
  const server = new Server(port, { cors: { origin: "*" } });
  server.on("connection", (socket) => {
    console.log(`Socket ${socket.id} connected`);
    socket.emit("release", release);
    socket.on("echo", (message: unknown) => socket.emit("echo", message));
    socket.on("disconnect", (reason) => console.log(`Socket ${socket.id} disconnected: ${reason}`));
  });
}
