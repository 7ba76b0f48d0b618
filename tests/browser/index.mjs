// All the suites in one process, so that they share one browser and one loaded judge a backend. The order is by cost.

import "./faults.test.mjs";
import "./template.test.mjs";
import "./arrival.test.mjs";
import "./storage.test.mjs";
import "./memory.test.mjs";
import "./recovery.test.mjs";
import "./soak.test.mjs";
import "./room.test.mjs";
import "./golden.test.mjs";
import "./threads.test.mjs";
import "./architectures.test.mjs";
import "./score.test.mjs";
import "./judge.test.mjs";
import "./evaluate.test.mjs";
import "./guides.test.mjs";
import "./structured.test.mjs";
import "./page-budget.test.mjs";
import "./page-rubric.test.mjs";
import "./page-load.test.mjs";
import "./page.test.mjs";
import "./page-access.test.mjs";
import "./page-reward.test.mjs";
import "./page-hostile.test.mjs";
import "./page-evaluate.test.mjs";
import "./page-large.test.mjs";
import "./reports.test.mjs";
