using System.Globalization;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace Softswitch.Fuzz.Tests;

/// <summary>With <c>--fuzz SOURCES SECONDS [SEED] [TARGET]</c> or <c>--fuzz SOURCES FILE</c> the fuzzer, else the tests.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is ["--fuzz", string sources, string file] && File.Exists(file))
        {
            return Replay(file);
        }
        if (arguments is ["--fuzz", string root, string seconds, .. string[] rest] && int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out int time) && time > 0)
        {
            bool hasSeed = int.TryParse(rest.FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out int seed);
            string? only = rest.Skip(hasSeed ? 1 : 0).FirstOrDefault();
            IFuzzTarget[] targets = [.. FuzzTargets.All.Where(target => only == null || target.Name == only)];
            if (rest.Length <= (hasSeed ? 2 : 1) && targets.Length > 0)
            {
                return Fuzz(root, targets, time, hasSeed ? seed : Random.Shared.Next(1, 1_000_000));
            }
        }
        if (arguments is ["--fuzz", ..])
        {
            Console.Error.WriteLine($"usage: ./test --fuzz SECONDS [SEED] [TARGET], or ./test --fuzz FILE; targets: {string.Join(", ", FuzzTargets.All.Select(target => target.Name))}");
            return 2;
        }
        Task<int> tests = arguments.Contains("--server") // dotnet test
            ? TestPlatformTestFramework.RunAsync(arguments, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
            : ConsoleRunner.Run(arguments);
        return tests.GetAwaiter().GetResult();
    }

    private static int Fuzz(string root, IFuzzTarget[] targets, int seconds, int seed)
    {
        Console.WriteLine($"seed {seed}, {seconds} s for {targets.Length} targets");
        int failed = 0;
        foreach (IFuzzTarget target in targets)
        {
            Fuzzer fuzzer = new(target, seed)
            {
                Hangs = input =>
                {
                    Report(root, target, seed, input, "does not end");
                    Console.WriteLine($"0 passed, {failed + 1} failed, {targets.Length - failed - 1} skipped");
                    Environment.Exit(1);
                },
            };
            TimeSpan time = TimeSpan.FromSeconds((double)seconds / targets.Length);
            (byte[] Input, Exception Failure)? found = fuzzer.Run(time);
            if (found is { } failure)
            {
                failed++;
                Report(root, target, seed, failure.Input, failure.Failure.ToString());
            }
            Console.WriteLine($"{target.Name}: {fuzzer.Cases} cases, {fuzzer.Cases / time.TotalSeconds:f0} a second{(found == null ? "" : ", failed")}");
        }
        Console.WriteLine($"{targets.Length - failed} passed, {failed} failed, 0 skipped");
        return failed == 0 ? 0 : 1;
    }

    private static void Report(string root, IFuzzTarget target, int seed, byte[] input, string why)
    {
        string path = CaseFile.Write(root, target, $"found-{seed}-{(uint)string.GetHashCode(Convert.ToHexString(input), StringComparison.Ordinal):x8}", input, why.Split('\n')[0]);
        Console.WriteLine($"{target.Name}: {why}\n{target.Name}: the input, made small, is in {path}; again: ./test --fuzz {Path.GetRelativePath(Path.Combine(root, "..", ".."), path)}");
    }

    private static int Replay(string file)
    {
        try
        {
            CaseFile.TargetOf(file).Check(CaseFile.Read(file));
            Console.WriteLine("1 passed, 0 failed, 0 skipped");
            return 0;
        }
#pragma warning disable CA1031 // whatever it is, it is what we look for
        catch (Exception e)
#pragma warning restore CA1031
        {
            Console.WriteLine($"{e}\n0 passed, 1 failed, 0 skipped");
            return 1;
        }
    }
}
