// Run by tree.sh: dotnet run parts.cs FOLDER PROGRAM=TARGET... parts what was published into FOLDER. Each program's files go to its
// TARGET: the assemblies that PROGRAM.dll refers to, itself or by others, without those of the programs before it, which it shares.
// The first has the runtime. What no program loads stays: such assemblies, and the collectors that only a setting chooses.
#:property PublishAot=false
#:property RunAnalyzers=false
#:property EnforceCodeStyleInBuild=false
#:property GenerateDocumentationFile=false
#:property ManagePackageVersionsCentrally=false
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.Json.Nodes;

string folder = args[0];
string[] native = [.. NamesOf("*.so").Except(["libclrgc.so", "libclrgcexp.so"])];
HashSet<string> kept = [];
foreach (string[] part in args[1..].Select(word => word.Split('=')))
{
    (string program, string target) = (part[0], part[1]);
    string[] files = [.. ReachedFrom(program), .. native];
    WriteDependencies(program, [.. files]);
    Directory.CreateDirectory(target);
    foreach (string file in files.Append(program).Append($"{program}.deps.json").Append($"{program}.runtimeconfig.json").Where(kept.Add))
    {
        File.Copy(Path.Combine(folder, file), Path.Combine(target, file));
    }
}

IEnumerable<string> NamesOf(string pattern) => Directory.GetFiles(folder, pattern).Select(path => Path.GetFileName(path));

IEnumerable<string> ReachedFrom(string program)
{
    HashSet<string> reached = [];
    Queue<string> next = new([program]);
    while (next.TryDequeue(out string? name))
    {
        string path = Path.Combine(folder, $"{name}.dll");
        if (!File.Exists(path) || !reached.Add($"{name}.dll"))
        {
            continue;
        }
        using PEReader file = new(File.OpenRead(path));
        MetadataReader metadata = file.GetMetadataReader();
        foreach (AssemblyReferenceHandle reference in metadata.AssemblyReferences)
        {
            string other = metadata.GetString(metadata.GetAssemblyReference(reference).Name);
            if (!other.StartsWith("System.Xml.", StringComparison.Ordinal)) // nothing here reads or writes XML
            {
                next.Enqueue(other);
            }
        }
    }
    return reached;
}

// The list of dependencies names what is there: the host ends a program that lacks one of them.
void WriteDependencies(string program, HashSet<string> files)
{
    string list = Path.Combine(folder, $"{program}.deps.json");
    JsonNode dependencies = JsonNode.Parse(File.ReadAllText(list))!;
    foreach ((_, JsonNode? library) in dependencies["targets"]!.AsObject().SelectMany(target => target.Value!.AsObject()))
    {
        foreach (string kind in (string[])["runtime", "native"])
        {
            JsonObject named = library![kind]?.AsObject() ?? [];
            foreach (string file in named.Select(one => one.Key).Where(file => !files.Contains(Path.GetFileName(file))).ToArray())
            {
                named.Remove(file);
            }
        }
    }
    File.WriteAllText(list, dependencies.ToJsonString());
}
