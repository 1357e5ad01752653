using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// --dry: every benchmark once, in this process: whether they all run, not how fast. Anything else is BenchmarkDotNet's.
bool dry = args.Contains("--dry");
IConfig config = dry
    ? DefaultConfig.Instance.AddJob(Job.Dry.WithToolchain(InProcessEmitToolchain.Instance))
    : DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
string[] rest = [.. args.Where(argument => argument != "--dry")];
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(dry && rest.Length == 0 ? ["--filter", "*"] : rest, config);
