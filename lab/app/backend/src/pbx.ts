import type { Settings } from "./settings";

const PAUSE_MILLISECONDS = 1000;

/**
 * Register with the PBX over ARI and answer its calls; resolves once registered, or when the first attempt has failed.
 *
 * As in the real application, this happens before HTTP listens, and whoever registers last under a name gets its calls.
 */
export function connectPbx({ pbxUrl, botName, externalHost }: Settings): Promise<void> {
  if (!pbxUrl) return Promise.resolve();
  const ari = new URL(pbxUrl);
  const key = `${ari.username}:${ari.password}`;
  const headers = { Authorization: `Basic ${Buffer.from(key).toString("base64")}` };

  async function ask(method: string, path: string, query: Record<string, string> = {}): Promise<void> {
    await fetch(`${ari.origin}${ari.pathname}${path}?${new URLSearchParams(query)}`, { method, headers });
  }

  async function answer(channel: string): Promise<void> {
    console.log(`PBX call ${channel} enters ${botName}`);
    // Without EXTERNAL_HOST the real application hangs up every call.
    if (!externalHost) return ask("DELETE", `/channels/${channel}`);
    await ask("POST", "/channels/externalMedia", { app: botName, external_host: externalHost, channelId: channel });
  }

  return new Promise((resolve) => {
    function connect(): void {
      const query = new URLSearchParams({ app: botName, api_key: key });
      const socket = new WebSocket(`ws://${ari.host}${ari.pathname}/events?${query}`);
      socket.onopen = () => {
        console.log(`Registered with the PBX as ${botName}`);
        resolve();
      };
      socket.onmessage = ({ data }: { data: unknown }) => {
        const event = JSON.parse(String(data)) as { type: string; channel?: { id: string } };
        if (event.type === "StasisStart" && event.channel) answer(event.channel.id).catch(console.error);
        else console.log(`PBX says ${event.type} ${event.channel?.id ?? ""}`);
      };
      // One that never opened ends with an error alone.
      let over = false;
      socket.onclose = socket.onerror = () => {
        if (over) return;
        over = true;
        resolve();
        setTimeout(connect, PAUSE_MILLISECONDS);
      };
    }
    connect();
  });
}
