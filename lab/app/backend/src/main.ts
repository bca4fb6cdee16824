import type { AddressInfo } from "node:net";
import { openDatabase } from "./database";
import { buildHttp } from "./http";
import { connectPbxs } from "./pbx";
import { startRtp } from "./rtp";
import { readSettings } from "./settings";
import { startSockets } from "./sockets";
import { VERSION } from "./version";
import { warmUp } from "./warmup";

async function start(): Promise<void> {
  const settings = readSettings();
  console.log(`aiPBX ${VERSION} (${settings.release}) starts`);
  const database = await openDatabase(settings);
  startSockets(settings.socketPort, settings.release);
  startRtp(settings.udpPort, settings.externalHost);
  await connectPbxs(settings, database);
  await warmUp();
  const server = buildHttp(settings, database).listen(settings.port, (error?: Error) => {
    if (error) throw error;
    console.log(`Server started on port ${(server.address() as AddressInfo).port}`);
  });
}

// No handler for SIGTERM, as in the real application: as PID 1 the process does not hear it.
start().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
