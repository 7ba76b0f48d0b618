export default {
  // A static export: nothing of Lunette runs on a server.
  output: "export",
  trailingSlash: true,
  basePath: process.env.BASE_PATH ?? "",
};
