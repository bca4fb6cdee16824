// The public pages as HTML of their own, for search engines, and what was not built: copied as it is.
const fs = require("node:fs");
const path = require("node:path");

const build = path.resolve(__dirname, "..", "build");
const site = process.env.SITE_URL || "https://aipbx.net";
const index = fs.readFileSync(path.join(build, "index.html"), "utf8");

function page(route, title) {
  const canonical = `<link rel="canonical" href="${site}${route}">`;
  return index.replace(/<title>.*?<\/title>/, `<title>${title}</title>${canonical}`);
}

fs.cpSync(path.join(__dirname, "..", "public", "locales"), path.join(build, "locales"), { recursive: true });
fs.writeFileSync(path.join(build, "robots.txt"), `User-agent: *\nSitemap: ${site}/sitemap.xml\n`);
fs.writeFileSync(path.join(build, "index.html"), page("/", "aiPBX lab"));
fs.mkdirSync(path.join(build, "pricing"), { recursive: true });
fs.writeFileSync(path.join(build, "pricing", "index.html"), page("/pricing", "aiPBX pricing"));
