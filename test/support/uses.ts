// Runs programs one after the other in this process, as if each were run by itself: `uses.js FOLDER PROGRAM...`. A
// program that is given twice runs twice.

for (const [run, program] of process.argv.slice(3).entries()) await import(`${program}?run=${run}`);
