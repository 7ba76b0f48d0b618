// WebKit, the engine behind Safari: WebKitGTK's MiniBrowser, driven by its WebDriver, on a display that nobody sees.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { Builder } from "selenium-webdriver";

/** Returns selenium's driver. `close` ends all that was started. */
export async function launchWebkit() {
  // Writes the number of the display that it has found.
  const display = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x1000x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [number] = await once(createInterface({ input: display.stdout }), "line");
  const port = await freePort();
  const env = { ...process.env, DISPLAY: `:${number}`, LIBGL_ALWAYS_SOFTWARE: "1" };
  const server = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], { env, stdio: "ignore" });
  const driver = await connect(`http://127.0.0.1:${port}`);
  const close = async () => {
    await driver.quit().catch(() => {});
    server.kill();
    display.kill();
  };
  return { driver, close };
}

async function connect(address) {
  for (let tries = 50; ; tries--) {
    try {
      const builder = new Builder().usingServer(address).withCapabilities({ browserName: "MiniBrowser" });
      const driver = await builder.build();
      await driver.manage().setTimeouts({ script: 5 * 60_000 });
      return driver;
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise((later) => setTimeout(later, 100));
    }
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}
