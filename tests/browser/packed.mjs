// All tests of the tarball in one process: tools, Node, policies, Firefox, WebKit, and every example app.

import "./packed/package.test.mjs";
import "./packed/integrity.test.mjs";
import "./packed/node.test.mjs";
import "./packed/llama3.test.mjs";
import "./packed/overlap.test.mjs";
import "./packed/csp.test.mjs";
import "./packed/network.test.mjs";
import "./packed/firefox.test.mjs";
import "./packed/webkit.test.mjs";
import "./packed/examples.test.mjs";
import "./packed/extension.test.mjs";
