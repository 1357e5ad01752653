using Softswitch.Lab;

namespace Softswitch.Scenarios;

/// <summary>One of the systems from the papers.</summary>
internal abstract class Scenario
{
    /// <summary>The exit code of a run whose checks have not all passed.</summary>
    public const int NotPassed = 1;

    /// <summary>The exit code of one that was interrupted; as a shell says of SIGINT.</summary>
    public const int Interrupted = 130;

    /// <summary>As on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>The paper's title and where it appeared.</summary>
    public abstract string Paper { get; }

    /// <summary>What is built and what happens in it, in a few sentences.</summary>
    public abstract string Summary { get; }

    /// <summary>What is different with guests (<see cref="ScenarioOptions.UsesGuests"/>), in a few sentences.</summary>
    public abstract string WithGuests { get; }

    /// <summary>What can be varied; without <c>--set</c> the scenario is the paper's.</summary>
    public virtual IReadOnlyList<Parameter> Parameters => [];

    /// <summary>What a run finds, in the order of the columns.</summary>
    public virtual IReadOnlyList<Measure> Measures => [];

    /// <summary>The paper's own figures and tables, as sweeps.</summary>
    public virtual IReadOnlyList<PaperFigure> PaperFigures => [];

    /// <summary>What is random in a run comes of it. Every scenario has it; a sweep's repetitions count on from it.</summary>
    public static Parameter<int> Seed { get; } = Parameter.Whole("seed", "what is random in a run comes of it", 1, 0, int.MaxValue);

    /// <summary>Refuses values that are allowed each for itself but not together.</summary>
    /// <exception cref="Hosting.Configuration.OptionException">It names the keys and the reason.</exception>
    public virtual void Check(ParameterValues values, ScenarioOptions options)
    {
    }

    /// <summary>Builds the topology in the run's lab, starts the controller, moves what moves, and measures.</summary>
    /// <exception cref="TestbedException">It cannot go on.</exception>
    /// <exception cref="OperationCanceledException">Interrupted.</exception>
    public abstract void Run(ScenarioRun run);
}
