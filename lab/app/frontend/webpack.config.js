const path = require("node:path");
const HtmlWebpackPlugin = require("html-webpack-plugin");
const { DefinePlugin } = require("webpack");

module.exports = (env) => ({
  mode: env.mode ?? "development",
  entry: "./src/index.js",
  output: {
    path: path.resolve(__dirname, "build"),
    filename: "[name].[contenthash].js",
    cssFilename: "css/[name].[contenthash:8].css",
    publicPath: "/",
    clean: true,
  },
  experiments: { css: true },
  module: {
    rules: [
      { test: /\.css$/, type: "css" },
      { test: /\.svg$/, type: "asset/resource", generator: { filename: "assets/[name].[contenthash][ext]" } },
    ],
  },
  optimization: {
    splitChunks: {
      chunks: "all",
      cacheGroups: { vendors: { test: /[\\/]node_modules[\\/]/, name: "vendors" } },
    },
  },
  plugins: [
    new HtmlWebpackPlugin({ template: "public/index.html", favicon: "public/favicon.ico" }),
    new DefinePlugin({
      __API__: JSON.stringify(env.apiUrl ?? "http://localhost:5005/api"),
      __STATIC__: JSON.stringify(env.staticUrl ?? "http://localhost:5005/static"),
      __WS__: JSON.stringify(env.wsUrl ?? ""),
      __RELEASE__: JSON.stringify(process.env.RELEASE ?? "unknown"),
    }),
  ],
});
