// The smallest configuration that has store credit: one process, PostgreSQL, everything else in the process's memory.
const { defineConfig } = require("@medusajs/framework/utils");

module.exports = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: { ssl: false },
    http: {
      jwtSecret: process.env.SECRET,
      cookieSecret: process.env.SECRET,
      storeCors: "",
      adminCors: "",
      authCors: "",
    },
  },
  admin: { disable: true },
  plugins: [{ resolve: "@medusajs/loyalty-plugin", options: {} }],
});
