export default {
  // A static export: Lunette does not run on a server.
  output: "export",
  trailingSlash: true,
  basePath: process.env.BASE_PATH ?? "",
};
