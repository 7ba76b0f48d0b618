// All the suites in one process, so that they share one loaded judge.

import "./openai.test.mjs";
import "./openevals.test.mjs";
import "./autoevals.test.mjs";
