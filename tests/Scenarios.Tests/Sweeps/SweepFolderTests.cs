using Softswitch.Hosting.Configuration;
using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Tests.Sweeps;

/// <summary>What a sweep's folder may hold before it begins.</summary>
public sealed class SweepFolderTests : IDisposable
{
    private readonly SweepTrial _trial = new();

    public void Dispose() => _trial.Dispose();

    [Fact]
    public void Runs_of_something_else_are_refused_with_what_differs()
    {
        _trial.Run(SweepTrial.Plan("size=10"));
        Refuse("its runs are of trial, not of other", SweepTrial.Origin with { Scenario = "other" });
        Refuse("its runs are without --small, not with", SweepTrial.Origin with { Small = true });
        Refuse("its runs are without --vm, not with", SweepTrial.Origin with { Guests = true });
        Refuse("its runs are of build abc of 1.0, and this is def of 1.1", SweepTrial.Origin with { Build = "def", Version = "1.1" });
        Refuse("its runs are of another machine, a processor, 2 cores", SweepTrial.Origin with { Cores = 3 });
        _trial.Open(SweepTrial.Plan("size=10"), SweepTrial.Origin with { Kernel = "6.2", Version = "1.0, the same build" }).Dispose();
        Assert.Single(_trial.ReadTable());
    }

    [Theory]
    [InlineData("index.html")]
    [InlineData("runs.csv")]
    public void Files_that_a_sweep_would_write_over_are_refused_and_others_stay(string name)
    {
        File.WriteAllText(Path.Combine(_trial.Path, "notes.txt"), "mine");
        _trial.Open(SweepTrial.Plan("size=10")).Dispose();
        File.WriteAllText(Path.Combine(_trial.Path, name), "mine");
        Refuse($"its {name} is of no sweep", SweepTrial.Origin);
        Assert.Equal([.. ((string[])["notes.txt", name]).Order()], Directory.GetFiles(_trial.Path).Select(Path.GetFileName).Order());
        Assert.Equal("mine", File.ReadAllText(Path.Combine(_trial.Path, name)));
    }

    [Theory]
    [InlineData("{\"run\": 1}", "it is no run of a sweep")]
    [InlineData("[]", "it is no JSON object")]
    [InlineData("{", "Expected depth")]
    public void A_run_that_cannot_be_read_is_named(string text, string reason)
    {
        string file = Path.Combine(Directory.CreateDirectory(Path.Combine(_trial.Path, "runs")).FullName, "0001.json");
        File.WriteAllText(file, text);
        var refusal = Assert.Throws<OptionException>(() => _trial.Open(SweepTrial.Plan("size=10")));
        Assert.StartsWith($"--out: {file}: {reason}", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_one_sweeps_at_a_time()
    {
        using (_trial.Open(SweepTrial.Plan("size=10")))
        {
            Assert.StartsWith("--out: ", Assert.Throws<OptionException>(() => _trial.Open(SweepTrial.Plan("size=10"))).Message, StringComparison.Ordinal);
        }
        _trial.Open(SweepTrial.Plan("size=10")).Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(_trial.Path));
    }

    private void Refuse(string reason, SweepOrigin origin) => Assert.Equal(
        $"--out: {_trial.Path}: {reason}; give another folder",
        Assert.Throws<OptionException>(() => _trial.Open(SweepTrial.Plan("size=10"), origin)).Message);
}
