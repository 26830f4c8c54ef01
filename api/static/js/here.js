// Where this service's pages begin, whatever path a proxy puts before them: "" or "/thermowell".
export const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
