import { Spider } from "./spider";

export default function Page() {
  return <Spider />;
}
