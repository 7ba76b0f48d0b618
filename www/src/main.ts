import "@fontsource-variable/newsreader/opsz.css";
import "@fontsource-variable/newsreader/opsz-italic.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/dialog.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { startServiceWorker } from "./offline";
import { requests } from "./state/requests.svelte";
import { trustOwnScripts } from "./trust";

trustOwnScripts();
requests.start();
const target = document.getElementById("app");
if (target) mount(App, { target });
// The page is interactive from here on. A test checks the time.
performance.mark("interactive");
startServiceWorker();
