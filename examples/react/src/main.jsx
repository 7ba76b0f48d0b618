import { createRoot } from "react-dom/client";
import { Spider } from "./spider.jsx";

createRoot(document.getElementById("root")).render(<Spider />);
