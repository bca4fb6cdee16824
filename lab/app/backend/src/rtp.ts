import { randomBytes } from "node:crypto";
import { createSocket, type RemoteInfo } from "node:dgram";

const HEADER_BYTES = 12;
const SILENCE_MILLISECONDS = 30_000;

interface Session {
  ssrc: Buffer;
  sequence: number;
  lastHeard: number;
}

/**
 * Echo RTP. Sessions are keyed by the remote address and port and live in this process only; the answers leave from
 * a second socket. A session keeps its SSRC for life: a caller who sees it change was cut off.
 */
export function startRtp(port: number, externalHost: string): void {
  const sessions = new Map<string, Session>();
  const incoming = createSocket("udp4");
  const outgoing = createSocket("udp4");

  function sessionOf(remote: RemoteInfo): Session {
    const key = `${remote.address}:${remote.port}`;
    let session = sessions.get(key);
    if (!session) {
      session = { ssrc: randomBytes(4), sequence: 0, lastHeard: 0 };
      sessions.set(key, session);
      console.log(`Call from ${key} started`);
    }
    session.lastHeard = Date.now();
    return session;
  }

  incoming.on("message", (packet, remote) => {
    // Without EXTERNAL_HOST the real application hangs up every call.
    if (packet.length < HEADER_BYTES || !externalHost) return;
    const session = sessionOf(remote);
    const answer = Buffer.from(packet);
    answer.writeUInt16BE(session.sequence++ & 0xffff, 2);
    session.ssrc.copy(answer, 8);
    outgoing.send(answer, remote.port, remote.address);
  });
  // A port that is taken is logged, nothing more: HTTP comes up all the same.
  incoming.on("error", (error) => console.error(`UDP server error: ${error.message}`));
  incoming.bind(port, () => console.log(`UDP server listening on ${incoming.address().port}`));

  setInterval(() => {
    for (const [key, session] of sessions) {
      if (Date.now() - session.lastHeard < SILENCE_MILLISECONDS) continue;
      sessions.delete(key);
      console.log(`Call from ${key} ended`);
    }
  }, 1000).unref();
}
