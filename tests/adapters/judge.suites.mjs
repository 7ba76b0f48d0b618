// The suites that share one loaded judge, in one process.

import "./openai.test.mjs";
import "./openevals.test.mjs";
import "./autoevals.test.mjs";
import "./ai-sdk.test.mjs";
