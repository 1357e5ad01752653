using Softswitch.Lab;

namespace Softswitch.Scenarios;

/// <summary>One of the systems from the papers.</summary>
internal abstract class Scenario
{
    /// <summary>As on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>The paper's title and where it appeared.</summary>
    public abstract string Paper { get; }

    /// <summary>What is built and what happens in it, in a few sentences.</summary>
    public abstract string Summary { get; }

    /// <summary>What is different with guests (<see cref="ScenarioOptions.UsesGuests"/>), in a few sentences.</summary>
    public abstract string WithGuests { get; }

    /// <summary>Builds the topology in the run's lab, starts the controller, moves what moves, and measures.</summary>
    /// <exception cref="TestbedException">It cannot go on.</exception>
    /// <exception cref="OperationCanceledException">Interrupted.</exception>
    public abstract void Run(ScenarioRun run);
}
