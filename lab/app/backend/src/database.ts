import { setTimeout as wait } from "node:timers/promises";
import { DataTypes, Sequelize } from "sequelize";
import type { Settings } from "./settings";

const ATTEMPTS = 10;
const PAUSE_MILLISECONDS = 3000;

const Text = DataTypes.STRING;
const Money = DataTypes.DOUBLE;

function declareModels(database: Sequelize) {
  const roles = database.define("roles", { value: { type: Text, unique: true }, description: Text });
  const users = database.define("users", {
    email: { type: Text, unique: true },
    password: Text,
    name: Text,
    currency: { type: Text, allowNull: false, defaultValue: "USD" },
    isActivated: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
    activationCode: Text,
    activationExpires: DataTypes.BIGINT,
  });
  const granted = database.define("user_roles", {}, { timestamps: false });
  users.belongsToMany(roles, { through: granted, foreignKey: "userId", otherKey: "roleId" });
  roles.belongsToMany(users, { through: granted, foreignKey: "roleId", otherKey: "userId" });
  const prices = database.define("prices", {
    userId: DataTypes.INTEGER,
    realtime: Money,
    text: Money,
    analytic: Money,
    stt: Money,
  });
  const invoices = database.define("invoices", { userId: DataTypes.INTEGER, number: Text, total: Money, file: Text });
  const projects = database.define("operator_projects", { name: Text, userId: Text });
  // As in the real application, what a model leaves out (an index, a column) only its migration makes.
  database.define("knowledgeChunks", { content: DataTypes.TEXT });
  database.define("our_organizations", { name: Text, bankName: Text });
  const pbxs = database.define(
    "PbxServers",
    {
      name: { type: Text, allowNull: false },
      location: { type: Text, allowNull: false },
      sip_host: { type: Text, allowNull: false, unique: true },
      uniqueId: { type: Text, allowNull: false, unique: true },
      ari_url: { type: Text, allowNull: false, unique: true },
      ari_user: { type: Text, allowNull: false },
      password: { type: Text, allowNull: false },
      userId: DataTypes.INTEGER,
    },
    { tableName: "PbxServers" },
  );
  return { roles, users, prices, invoices, projects, pbxs };
}

/** Connect; say whether the first attempt did. Ten attempts, three seconds apart: the boot ends after about 33 s. */
async function connect(database: Sequelize): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      await database.authenticate();
      return attempt === 1;
    } catch (error) {
      console.error(`Unable to connect to the database. Retrying (${attempt})... ${error}`);
      if (attempt > ATTEMPTS) throw error;
      await wait(PAUSE_MILLISECONDS);
    }
  }
}

type Models = ReturnType<typeof declareModels>;

async function seed({ roles, users, prices }: Models, adminEmail: string): Promise<void> {
  for (const value of ["ADMIN", "USER", "OPERATOR"]) {
    await roles.findOrCreate({ where: { value }, defaults: { value, description: value.toLowerCase() } });
  }
  if (!adminEmail) return;
  const [admin] = await users.findOrCreate({ where: { email: adminEmail }, defaults: { email: adminEmail } });
  const userId = admin.get("id") as number;
  await prices.findOrCreate({ where: { userId }, defaults: { userId, realtime: 0.15, text: 0.05 } });
}

/** Open the database and create the tables that are missing; existing tables are never altered. */
export async function openDatabase(settings: Settings) {
  const { name, user, password, dialect, host, port } = settings.database;
  const database = new Sequelize(name, user, password, { dialect, host, port, logging: false });
  const models = declareModels(database);
  const atOnce = await connect(database);
  await database.sync();
  // The real application's race, kept: who had to wait for the database comes up without roles.
  if (atOnce) await seed(models, settings.adminEmail);
  return models;
}

export type Database = Awaited<ReturnType<typeof openDatabase>>;
