using System.Text;

namespace Softswitch.Fuzz.Tests;

/// <summary>Inputs that failed once, and a few made-up ones of each target; <c>./test --fuzz SECONDS</c> tries more.</summary>
public sealed class RegressionTests
{
    private const int Seed = 1;
    private const int MadeUp = 50;

    public static TheoryData<string> Files => [.. Directory
        .EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Regressions"), "*.*", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(AppContext.BaseDirectory, path)).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Targets => [.. FuzzTargets.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Inputs_that_failed_once_do_not_fail_again(string file)
    {
        string path = Path.Combine(AppContext.BaseDirectory, file);
        CaseFile.TargetOf(path).Check(CaseFile.Read(path));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Made_up_inputs_hold(string name)
    {
        IFuzzTarget target = FuzzTargets.Find(name);
        Fuzzer fuzzer = new(target, Seed);
        for (int number = 0; number < MadeUp; number++)
        {
            byte[] input = fuzzer.InputOf(number);
            Exception? failure = fuzzer.FailureOf(input);
            Assert.True(failure == null, $"{name} {number}: {(target.IsText ? Encoding.UTF8.GetString(input) : Convert.ToHexString(input))}: {failure}");
        }
    }

    [Fact]
    public void A_seed_makes_the_same_inputs_each_time_and_each_number_another()
    {
        foreach (IFuzzTarget target in FuzzTargets.All)
        {
            byte[][] inputs = [.. Enumerable.Range(0, 50).Select(new Fuzzer(target, Seed).InputOf)];
            Assert.Equal(inputs, Enumerable.Range(0, 50).Select(new Fuzzer(target, Seed).InputOf));
            Assert.InRange(inputs.Select(Convert.ToHexString).Distinct().Count(), 40, 50);
        }
    }

    [Fact]
    public void An_input_that_fails_is_made_small()
    {
        Fuzzer fuzzer = new(new Sevens(), Seed);
        byte[] input = [.. Enumerable.Range(0, 200).Select(i => (byte)i)];
        Exception failure = fuzzer.FailureOf(input)!;
        Assert.Equal([7, 77], fuzzer.Minimise(input, failure));
    }

    [Fact]
    public void An_input_comes_back_from_its_file()
    {
        string root = Directory.CreateTempSubdirectory("softswitch-test-").FullName;
        try
        {
            foreach (IFuzzTarget target in FuzzTargets.All)
            {
                byte[] input = new Fuzzer(target, Seed).InputOf(3);
                input = [.. target.Split(input).SelectMany(piece => piece)];
                string path = CaseFile.Write(root, target, "case", input, "because\nit fails");
                Assert.Same(target, CaseFile.TargetOf(path));
                Assert.Equal(input, CaseFile.Read(path));
            }
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>Fails if there is a 7, and a 77 somewhere behind it.</summary>
    private sealed class Sevens : IFuzzTarget
    {
        public string Name => "sevens";

        public byte[] Generate(Random random) => [];

        public void Check(byte[] input)
        {
            int at = Array.IndexOf(input, (byte)7);
            Assert.False(at >= 0 && Array.IndexOf(input, (byte)77, at) >= 0);
        }
    }
}
