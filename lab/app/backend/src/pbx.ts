import type { Database } from "./database";
import type { Settings } from "./settings";

const RECONNECT_MILLISECONDS = 1000;
/** The real application looks once a minute for PBXs of its table that it is not connected to. */
const WATCH_MILLISECONDS = 5000;

interface Row {
  id: number;
  name: string;
  ari_url: string;
  ari_user: string;
  password: string;
}

/** Register with one PBX over ARI and answer its calls; resolves once registered, or when the first attempt has failed. */
function connect(row: Row, { botName, externalHost }: Settings): Promise<void> {
  const ari = new URL(row.ari_url);
  const key = `${row.ari_user}:${row.password}`;
  const headers = { Authorization: `Basic ${Buffer.from(key).toString("base64")}` };

  async function ask(method: string, path: string, query: Record<string, string> = {}): Promise<void> {
    await fetch(`${ari.origin}${ari.pathname}${path}?${new URLSearchParams(query)}`, { method, headers });
  }

  async function answer(channel: string): Promise<void> {
    console.log(`PBX call ${channel} of ${row.name} enters ${botName}`);
    // Without EXTERNAL_HOST the real application hangs up every call.
    if (!externalHost) return ask("DELETE", `/channels/${channel}`);
    await ask("POST", "/channels/externalMedia", { app: botName, external_host: externalHost, channelId: channel });
  }

  return new Promise((resolve) => {
    function open(): void {
      const query = new URLSearchParams({ app: botName, api_key: key });
      const socket = new WebSocket(`ws://${ari.host}${ari.pathname}/events?${query}`);
      socket.onopen = () => {
        console.log(`Registered with ${row.name} as ${botName}`);
        resolve();
      };
      socket.onmessage = ({ data }: { data: unknown }) => {
        const event = JSON.parse(String(data)) as { type: string; channel?: { id: string } };
        if (event.type === "StasisStart" && event.channel) answer(event.channel.id).catch(console.error);
        else console.log(`${row.name} says ${event.type} ${event.channel?.id ?? ""}`);
      };
      // One that never opened ends with an error alone.
      let over = false;
      socket.onclose = socket.onerror = () => {
        if (over) return;
        over = true;
        resolve();
        setTimeout(open, RECONNECT_MILLISECONDS);
      };
    }
    open();
  });
}

/**
 * Connect to every PBX of the table, one after the other, and to those that are added later.
 *
 * As in the real application, this happens before HTTP listens, and whoever registers last under a name gets its calls.
 */
export async function connectPbxs(settings: Settings, { pbxs }: Database): Promise<void> {
  const known = new Set<number>();
  async function connectNew(): Promise<void> {
    for (const row of (await pbxs.findAll({ raw: true })) as unknown as Row[]) {
      if (known.has(row.id)) continue;
      known.add(row.id);
      await connect(row, settings);
    }
  }
  await connectNew();
  setInterval(() => void connectNew().catch(console.error), WATCH_MILLISECONDS).unref();
}
