/** The environment, read as the real application reads it: some faults end the boot, others pass in silence. */

const FALLBACK_ENCRYPTION_KEY = "0".repeat(64);

function crashWithoutKeys(): void {
  if (process.env.OPENAI_API_KEY === undefined) {
    throw new Error("The OPENAI_API_KEY environment variable is missing or empty");
  }
  if (!process.env.STRIPE_SECRET_KEY) {
    throw new Error("Neither apiKey nor config.authenticator provided");
  }
  const key = process.env.ENCRYPTION_KEY || FALLBACK_ENCRYPTION_KEY;
  if (!/^[0-9a-f]{64}$/i.test(key)) {
    throw new Error("ENCRYPTION_KEY must be 64 hex characters");
  }
}

/** Return the settings, or throw what the real application throws at boot. */
export function readSettings() {
  crashWithoutKeys();
  const env = process.env;
  return {
    // 0 lets the kernel choose: without PORT the application listens where nobody looks for it.
    port: Number(env.PORT ?? 0),
    udpPort: Number(env.UDP_SERVER_PORT ?? 0),
    socketPort: 3033,
    botName: `${env.AIPBX_BOTNAME}`,
    externalHost: env.EXTERNAL_HOST ?? "",
    adminEmail: env.ADMIN_EMAIL ?? "",
    privateKey: env.PRIVATE_KEY ?? "SECRET",
    mail: { host: env.MAIL_HOST, user: env.MAIL_USER, password: env.MAIL_PASS },
    bodyLimit: env.JSON_BODY_LIMIT ?? "70mb",
    release: env.RELEASE ?? "unknown",
    database: {
      dialect: (env.DB_DIALECT ?? "mysql") as "postgres",
      host: env.DB_HOST,
      port: Number(env.DB_PORT ?? 5432),
      user: env.DB_USER ?? "",
      password: env.DB_PASS,
      name: env.DB_NAME ?? "",
    },
  };
}

export type Settings = ReturnType<typeof readSettings>;
